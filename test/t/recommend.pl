# Recommenders survive a crash; a dump and restore give them back; readers never
# see half of one; workers are used, and change nothing; builds can be watched,
# and a standby recommends.
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

# Who may see what a session does sees how far its build is.
my $slow = q{SELECT promo.build_recommender('slow', 'SELECT customer, item FROM (
	SELECT customer, item, row_number() OVER () AS n FROM shop.purchase) p
	WHERE CASE n WHEN 10000 THEN pg_sleep(0.3) IS NOT NULL WHEN 20000 THEN pg_sleep(60) IS NOT NULL ELSE true END')};
$builder = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $slow ],
	'<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(90));
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM promo.build_progress
	WHERE recommender = 'slow' AND phase = 'reading' AND done BETWEEN 1 AND 20000 AND total IS NULL AND workers = 0}),
	'a build can be watched');
is($node->safe_psql('postgres', q{SELECT query LIKE '% */ SELECT promo.build_recommender(%' FROM pg_stat_activity
	JOIN promo.build_progress USING (pid)}), 't', 'beside its statement');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM promo.build_progress');
$builder->finish;
like($err, qr/canceling statement due to user request/, 'a build can be canceled');
is($node->safe_psql('postgres', q{SELECT count(*) FROM promo.recommender WHERE recommender = 'slow'}), '0', 'and leaves nothing');

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
$node->safe_psql('postgres', q{SELECT promo.build_recommender('alike', 'SELECT customer, item FROM shop.purchase', '{"method": "user_knn"}')});
$before = $node->safe_psql('postgres', $rows);
my $asked = q{SELECT md5(string_agg(a::text, ',')) FROM unnest(ARRAY['shop', 'user_cosine 0', 'alike']) r,
	generate_series(1, 20) c, LATERAL promo.recommend(r, 'c' || c, 10) a;
	SELECT md5(string_agg(a::text, ',')) FROM promo.recommend_basket('alike', ARRAY['i1', 'i2']) a;
	SELECT md5(string_agg(a::text, ',')) FROM promo.similar_items('shop', 'i1') a;
	SELECT count(*) FROM promo.recommend_all('shop', 3)};
my $answers = $node->safe_psql('postgres', $asked);

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
is($standby->safe_psql('postgres', $asked), $answers, 'and recommends the same');

# A session there sees a build as soon as it has come.
my $served = q{SELECT recommender || ' ' || count(*) FROM promo.recommenders, promo.recommend_basket('shop', ARRAY['i0'], 100, '{"fallback": "none"}')
	WHERE recommender = 'shop' GROUP BY recommender;} . "\n";
my ($ask, $told, $told_err) = ($served, '', '');
my $reader = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $standby->connstr('postgres') ],
	'<', \$ask, '>', \$told, '2>', \$told_err, IPC::Run::timeout(60));
$reader->pump until $told =~ /shop \d+\n/;
unlike($told, qr/shop 1\n/, 'there is more than one to recommend');
$node->safe_psql('postgres', q{SELECT promo.build_recommender('shop', 'VALUES (1, ''i0''), (1, ''pot''), (2, ''i0''), (2, ''pot'')')});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$told = '';
$ask = $served;
$reader->pump until $told =~ /shop \d+\n/;
is($told, "shop 1\n", 'a build is seen by a session of the standby');
$reader->finish;
my ($written, $no_out, $why_not) = $standby->psql('postgres', q{SELECT promo.refresh_recommender('shop')});
like($why_not, qr/cannot execute refresh_recommender\(\) /, 'it builds nothing itself');
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
