# The features of all customers of a real shop, Online Retail II of the year
# 2009-2010, equal those that pure SQL computes.

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
$node->append_conf('postgresql.conf', "fsync = off\nwork_mem = '64MB'");
$node->start;

# Each line is an event of its invoice; a cancellation takes back from the
# last invoice of before in which the customer bought the product.
$node->safe_psql(
	'postgres', qq{
CREATE EXTENSION promo;
CREATE TABLE line (invoice text, stock_code text, description text,
	quantity integer, invoice_date timestamp, unit_price numeric,
	customer_id integer, country text);
\\copy line FROM PROGRAM 'gzip -dc $invoices' (FORMAT csv, HEADER true)
CREATE INDEX ON line (customer_id, stock_code, invoice_date);
ANALYZE line;
CREATE TABLE event AS
SELECT customer_id::text AS customer, row_number() OVER () AS number,
	invoice_date AT TIME ZONE 'Europe/London' AS at,
	(quantity * unit_price)::float8 AS amount,
	CASE WHEN invoice LIKE 'C%' THEN 'return' ELSE 'order' END AS kind,
	CASE WHEN stock_code = 'D' THEN -(quantity * unit_price)::float8 END AS discount,
	abs(quantity) AS items,
	left(stock_code, 3) AS category,
	CASE WHEN invoice LIKE 'C%' THEN
		(SELECT invoice FROM line bought
		 WHERE (bought.customer_id, bought.stock_code) = (line.customer_id, line.stock_code)
		   AND bought.invoice_date <= line.invoice_date AND bought.invoice NOT LIKE 'C%'
		 ORDER BY invoice_date DESC, invoice LIMIT 1)
		ELSE invoice END AS order_id,
	NULL::float8 AS rating
FROM line WHERE customer_id IS NOT NULL;
ANALYZE event;
CREATE TABLE history AS SELECT customer, promo.timeline(e) AS events FROM event e GROUP BY customer;
});
is($node->safe_psql('postgres', 'SELECT count(*) FROM history'),
	'4383', 'every customer of the year has a timeline');
cmp_ok(
	$node->safe_psql('postgres',
		"SELECT count(*) FROM event WHERE kind = 'return' AND order_id IS NOT NULL"),
	'>', 5000,
	'most cancellations find their order');

$node->safe_psql('postgres',
	slurp_file("$ENV{PROMO_BUILD}/test/witness/features.sql"));

# Columns that differ by more than 1e-9 of their value
foreach my $case (
	[ '2010-12-10 00:00 Europe/London', 'Europe/London' ],
	[ '2010-09-01 00:00Z', 'Asia/Kolkata' ])
{
	my ($as_of, $zone) = @$case;
	my $differing = $node->safe_psql(
		'postgres', qq{
SELECT customer, a.key, a.value, b.value
FROM witness_features('$as_of', '$zone', '30 minutes') w
JOIN (SELECT customer, promo.features(events, '$as_of', '$zone') AS f
	  FROM history OFFSET 0) h USING (customer),
	jsonb_each(to_jsonb(f)) a, jsonb_each(to_jsonb(w)) b
WHERE a.key = b.key
  AND NOT CASE WHEN jsonb_typeof(a.value) = 'number' AND jsonb_typeof(b.value) = 'number'
	  THEN abs(a.value::numeric - b.value::numeric) <= 1e-9 * greatest(1, abs(b.value::numeric))
	  ELSE a.value = b.value END
ORDER BY 1, 2 LIMIT 10});
	is($differing, '', "all 44 features of all customers as of $as_of in $zone");
}

# Leave out all that came at the moment or later: nothing changes.
is( $node->safe_psql(
		'postgres', q{
SELECT count(*)
FROM history JOIN (SELECT customer, promo.timeline(e) AS earlier FROM event e
				   WHERE at < '2010-06-15 12:00Z' GROUP BY customer) p USING (customer)
WHERE promo.features(events, '2010-06-15 12:00Z') <> promo.features(earlier, '2010-06-15 12:00Z')}),
	'0',
	'what comes later changes no feature');

# The labels are those of a plain sum.
is( $node->safe_psql(
		'postgres', q{
SELECT count(*)
FROM history JOIN (SELECT customer,
		coalesce(sum(amount) FILTER (WHERE at >= '2010-06-01Z' AND at < '2010-08-30Z'), 0) AS spend,
		count(DISTINCT order_id) FILTER (WHERE at >= '2010-06-01Z' AND at < '2010-08-30Z') AS orders
	FROM event WHERE kind = 'order' GROUP BY customer) l USING (customer)
WHERE abs(l.spend - promo.spend(events, '2010-06-01Z', '2010-08-30Z')) > 1e-6
   OR l.orders <> promo.orders(events, '2010-06-01Z', '2010-08-30Z')}),
	'0',
	'spend and orders of 90 days');

$node->stop;
done_testing();
