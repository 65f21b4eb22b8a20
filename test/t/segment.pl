# Segments and experiments survive a crash; a dump and restore give them back.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init;
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION promo;
	CREATE ROLE analyst;
	CREATE SCHEMA shop;
	CREATE TABLE shop.spending AS SELECT 'c' || g AS customer, g AS spent FROM generate_series(1, 1000) g;
	GRANT USAGE ON SCHEMA shop TO analyst;
	GRANT SELECT ON shop.spending TO analyst;
	GRANT EXECUTE ON FUNCTION promo.define_segment(text, text), promo.refresh_segment(text) TO analyst;
	GRANT SELECT ON promo.segments TO analyst;
	SET ROLE analyst;
	SET search_path = shop;
	SELECT promo.define_segment('big', 'SELECT customer FROM spending WHERE spent > 900');
	RESET ROLE;
	UPDATE shop.spending SET spent = 0 WHERE spent > 950;
	SELECT promo.refresh_segment('big');
	SELECT promo.define_experiment('spring', '{"control": 0.5, "ten": 0.5}', '{"exposure": 0.8}');
	SELECT promo.assign_all('spring', 'SELECT customer FROM shop.spending WHERE spent < 200');
	SELECT promo.define_experiment('quarter', '{"control": 0.1, "open": 0.9}', '{"global_holdout": true}');
});

my $rows = q{
	SELECT * FROM promo.segment ORDER BY 1; SELECT * FROM promo.segment_member ORDER BY 1, 2, 3;
	SELECT * FROM promo.experiment ORDER BY 1; SELECT * FROM promo.experiment_assignment ORDER BY 1, 2;
	SELECT * FROM promo.customer ORDER BY 1};
my $before = $node->safe_psql('postgres', $rows);
like($before, qr/^1\|big\|analyst\|.*\|shop\|50\|/m, 'a segment of an analyst is there');

# One session is in the middle of a refresh, and one of an assignment, when the server crashes
my @sessions;
for my $statement (
	q{DELETE FROM shop.spending WHERE spent > 910; SELECT 'left ' || gone FROM promo.refresh_segment('big');},
	q{SELECT 'left ' || count(*) FROM promo.assign_all('spring', 'SELECT ''x'' || g FROM generate_series(1, 1000) g');})
{
	my ($in, $out, $err) = ("BEGIN; $statement\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	$session->pump until $out =~ /left \d+/;
	push @sessions, $session;
}
$node->stop('immediate');
$_->kill_kill for @sessions;
$node->start;
is($node->safe_psql('postgres', $rows), $before, 'a crash keeps what was committed, and only that');
is($node->safe_psql('postgres', q{SELECT gone FROM promo.refresh_segment('big')}), '0', 'and the refresh is done again');
$before = $node->safe_psql('postgres', $rows);

my $dump = "${PostgreSQL::Test::Utils::tmp_check}/shop.sql";
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('postgres') ], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ],
	'a dump restores without an error');
is($node->safe_psql('restored', $rows), $before, 'the restored tables are equal');
is($node->safe_psql('restored', q{DELETE FROM shop.spending WHERE spent > 910; SET ROLE analyst; SELECT gone FROM promo.refresh_segment('big')}),
	'40', 'a restored segment is refreshed as its owner, under its search_path');
is( $node->safe_psql('restored', q{SELECT count(*) FROM promo.experiment_customers WHERE experiment = 'spring' AND promo.assign('spring', customer) <> arm}),
	'0', 'customers stay in their arms');
is($node->safe_psql('restored', q{SELECT promo.define_experiment('another', '{"a": 1}'); SELECT promo.define_segment('another', 'SELECT ''new one''');
	SELECT max(experiment_id) > 2 FROM promo.experiment}), "\n(1,0,1)\nt", 'numbers go on after those that were restored');

# Roles go with the cluster: without its owner a query does not run
$node->safe_psql('restored', 'DROP OWNED BY analyst');
$node->safe_psql('postgres', 'DROP OWNED BY analyst; DROP ROLE analyst');
my ($code, $out, $err) = $node->psql('restored', q{SELECT promo.refresh_segment('big')});
like($err, qr/the owner of the stored query is no role any more/, 'a query without an owner does not run');

$node->stop;
done_testing();
