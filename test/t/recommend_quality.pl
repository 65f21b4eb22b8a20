# Recommendations for the customers of a real shop, Online Retail II of the
# year 2009-2010, are better than those of cosine whose 50 neighbors are kept
# for each source item, which is what the library implicit does.
#
# Learned from is all but the last fifth of the purchase lines in time.  New
# items only, and recall among 20, if nothing else is said.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $invoices = ($ENV{PROMO_SHARED} // '') . '/data/online_retail_ii_2009_2010.csv.gz';
plan skip_all => 'data/online_retail_ii_2009_2010.csv.gz is not there'
  unless -r $invoices;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nwork_mem = '64MB'\njit = off");
$node->start;

# Purchases of goods, whose codes are five digits and perhaps letters, by
# customers who are known.
$node->safe_psql(
	'postgres', qq{
CREATE EXTENSION promo;
CREATE UNLOGGED TABLE line (invoice text, stock_code text, description text,
	quantity integer, invoice_date timestamp, unit_price numeric,
	customer_id integer, country text);
\\copy line FROM PROGRAM 'gzip -dc $invoices' (FORMAT csv, HEADER true)
CREATE TABLE purchase AS
SELECT customer_id AS customer, stock_code AS item, invoice_date AT TIME ZONE 'Europe/London' AS at
FROM line
WHERE customer_id IS NOT NULL AND invoice NOT LIKE 'C%' AND quantity > 0 AND unit_price > 0
	AND stock_code ~ '^[0-9]{5}';
CREATE TABLE held_out AS
SELECT * FROM purchase
WHERE at >= (SELECT at FROM purchase ORDER BY at DESC
	OFFSET (SELECT ceil(0.2 * count(*))::int - 1 FROM purchase) LIMIT 1);
CREATE TABLE learned AS SELECT * FROM purchase WHERE at < (SELECT min(at) FROM held_out);
ANALYZE;
});
is( $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT customer), count(DISTINCT item) FROM purchase'),
	'406295|4285|4006',
	'the purchases of the year are there');

sub judge
{
	my ($options, $metric) = @_;
	my $value = $node->safe_psql(
		'postgres', qq{
		SELECT value FROM promo.evaluate_recommender('SELECT * FROM purchase', '$options', '{"by": "time", "share": 0.2}', 20)
		WHERE metric = '@{[$metric // 'recall']}'});
	note "$options: $value";
	return $value;
}

my $implicit = judge('{"method": "cosine", "prune": "source", "neighbors": 50, "shrink": 0, "fallback": "none"}');
my $default = judge('{}');
my $ridge = judge('{"method": "local_ridge"}');
cmp_ok($default, '>=', 1.2 * $implicit, 'the default finds 1.2 times as much as cosine of 50 neighbors a source');
cmp_ok($ridge, '>=', 1.45 * $implicit, 'local ridge finds 1.45 times as much');

# The same by tables and SQL: a recommender of what is learned from, asked for
# all customers
my $by_sql = $node->safe_psql(
	'postgres', q{
	SELECT promo.build_recommender('learned', 'SELECT * FROM learned') IS NULL;
	WITH taken AS (
		SELECT customer::text, item FROM held_out WHERE customer IN (SELECT customer FROM learned)
		EXCEPT SELECT customer::text, item FROM learned),
	hit AS (SELECT customer, count(r.item) AS n, count(*) AS of
		FROM taken LEFT JOIN promo.recommend_all('learned', 20) r USING (customer, item) GROUP BY customer)
	SELECT avg(n::float8 / of) FROM hit});
$by_sql =~ s/.*\n//;
cmp_ok(abs($by_sql - $default), '<', 1e-9, 'the same recall by tables and SQL');

# Bought before is bought again
my $again = '"exclude_bought": false';
my $model = judge("{$again}");
my $own = judge("{$again, \"buy_again\": true, \"min_support\": 1000000, \"fallback\": \"none\"}");
my $both = judge("{$again, \"buy_again\": true}");
cmp_ok($both, '>', $model, 'own history first beats the model alone');
cmp_ok($both, '>', $own, 'and the history alone');
cmp_ok(judge("{$again, \"buy_again\": true}", 'ndcg'), '>',
	judge("{$again, \"buy_again\": true, \"min_support\": 1000000, \"fallback\": \"none\"}", 'ndcg'),
	'and the history alone in the order, too');

$node->stop;
done_testing();
