# Recommenders survive a crash; a dump and restore give them back; readers never
# see half of one; workers are used, and change nothing.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_parallel_workers = 8\nmax_worker_processes = 16");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION promo;
	CREATE ROLE analyst;
	CREATE SCHEMA shop;
	CREATE TABLE shop.purchase AS
	SELECT 'c' || c AS customer, 'i' || floor(400 * u * u)::int AS item
	FROM generate_series(1, 1000) c, generate_series(1, 30) n,
		LATERAL (SELECT (hashint4(c * 100 + n)::bigint & 65535) / 65536.0 AS u) h;
	GRANT USAGE ON SCHEMA shop TO analyst;
	GRANT SELECT ON shop.purchase TO analyst;
	GRANT EXECUTE ON FUNCTION promo.build_recommender(text, text, jsonb), promo.refresh_recommender(text),
		promo.recommender_neighbors(text, boolean) TO analyst;
	SET ROLE analyst;
	SET search_path = shop;
	SELECT promo.build_recommender('shop', 'SELECT customer, item FROM purchase',
		'{"neighbors": 10, "event_query": "SELECT customer, item FROM purchase WHERE item < ''i3''"}');
});

# Workers, as many as were asked for, and the lists of one process
my $lists = q{SELECT md5(string_agg(item || ' ' || neighbor || ' ' || score, ',' ORDER BY ordinality))
	FROM promo.recommender_neighbors('%s') WITH ORDINALITY};
for my $method ('user_cosine', 'cosine', 'local_ridge')
{
	my %made;
	for my $workers (0, 1, 7)
	{
		is( $node->safe_psql('postgres', qq{SELECT workers FROM promo.build_recommender('$method $workers',
			'SELECT customer, item FROM shop.purchase', '{"method": "$method", "neighbors": 20, "workers": $workers}')}),
			$workers, "$method is built by $workers workers");
		$made{$node->safe_psql('postgres', sprintf($lists, "$method $workers"))} = 1;
	}
	is(scalar(keys %made), 1, "$method is the same by 0, 1 and 7 workers");
}

# A session that reads while another builds sees the one or the other.
my $count = q{SELECT count(*) || ' ' || max(n) FROM (SELECT count(*) AS n FROM promo.recommender_neighbors('shop') GROUP BY item) l;};
my $before = $node->safe_psql('postgres', $count);
my ($in, $out, $err) = ("BEGIN; SELECT 'built ' || version FROM promo.build_recommender('shop', 'SELECT customer, item FROM shop.purchase', '{\"neighbors\": 4}');\n", '', '');
my $builder = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$builder->pump until $out =~ /built \d+/;
is($node->safe_psql('postgres', $count), $before, 'what is not committed is not seen');
$out = '';
$in = "COMMIT; SELECT 'committed';\n";
$builder->pump until $out =~ /committed/;
like($node->safe_psql('postgres', $count), qr/^\d+ 4$/, 'what is committed is');
$builder->finish;

# One session is in the middle of a refresh when the server crashes.
my $rows = q{SELECT * FROM promo.recommender ORDER BY 1; SELECT recommender_id, version, kind, piece, md5(bytes)
	FROM promo.recommender_piece ORDER BY 1, 2, 3, 4; SELECT * FROM promo.customer ORDER BY 1};
$before = $node->safe_psql('postgres', $rows);
($in, $out, $err) = ("BEGIN; INSERT INTO shop.purchase VALUES ('new', 'newer'); SELECT 'built ' || version FROM promo.refresh_recommender('shop');\n", '', '');
$builder = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$builder->pump until $out =~ /built \d+/;
$node->stop('immediate');
$builder->kill_kill;
$node->start;
is($node->safe_psql('postgres', $rows), $before, 'a crash keeps what was committed, and only that');
is($node->safe_psql('postgres', q{SELECT customers FROM promo.refresh_recommender('shop')}), '1000', 'and the refresh is done again');
$before = $node->safe_psql('postgres', $rows);
my $made = $node->safe_psql('postgres', sprintf($lists, 'user_cosine 0'));

my $dump = "${PostgreSQL::Test::Utils::tmp_check}/shop.sql";
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('postgres') ], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ],
	'a dump restores without an error');
is($node->safe_psql('restored', $rows), $before, 'the restored tables are equal');
is($node->safe_psql('restored', sprintf($lists, 'user_cosine 0')), $made, 'and read alike');
is( $node->safe_psql('restored', q{SELECT version FROM promo.build_recommender('another', 'SELECT 1, 1');
	SELECT recommender_id > 9 FROM promo.recommender WHERE recommender = 'another'}), "1\nt",
	'numbers go on after those that were restored');

# On a standby they are read as well.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', sprintf($lists, 'user_cosine 0')), $made, 'a standby reads the same');
$standby->stop;

# Roles go with the cluster: without its owner a query does not run.
$node->safe_psql('postgres', q{UPDATE promo.recommender SET owner = 'analyst' WHERE recommender = 'shop'});
$node->safe_psql('restored', 'DROP OWNED BY analyst');
$node->safe_psql('postgres', 'DROP OWNED BY analyst; DROP ROLE analyst');
my ($code, $refused);
($code, $out, $refused) = $node->psql('postgres', q{SELECT promo.refresh_recommender('shop')});
like($refused, qr/the owner of the stored query is no role any more/, 'a query without an owner does not run');

$node->stop;
done_testing();
