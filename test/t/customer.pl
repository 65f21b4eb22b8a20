# The table customer survives a crash, and a dump and restore give it back.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION promo;
	SELECT promo.customer_number('customer ' || i) FROM generate_series(1, 5) i;
	SELECT promo.forget_customer('customer 3');
});

my $rows = 'SELECT customer_id, shop_id, created_at, forgotten_at FROM promo.customer ORDER BY 1';
my $before = $node->safe_psql('postgres', $rows);
like($before, qr/^3\|\|/m, 'the forgotten customer left a tombstone');

# One session is in the middle of a transaction when the server crashes.
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start(
	[ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$in .= "BEGIN; SELECT 'number ' || promo.customer_number('never committed');\n";
$session->pump until $out =~ /number 6/;
$node->stop('immediate');
$session->kill_kill;
$node->start;
is($node->safe_psql('postgres', $rows), $before, 'a crash keeps what was committed, and only that');

my $dump = "${PostgreSQL::Test::Utils::tmp_check}/shop.sql";
$node->command_ok(['pg_dump', '--no-sync', '-f', $dump, $node->connstr('postgres')], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump],
	'a dump restores without an error');
is($node->safe_psql('restored', $rows), $before, 'the restored table is equal');
is($node->safe_psql('restored', "SELECT promo.customer_number('a new one') > 5"), 't',
	'numbers go on after those that were restored');
is($node->safe_psql('restored', "SELECT promo.customer_number('customer 2')"), '2',
	'a restored customer keeps the number');

$node->stop;
done_testing();
