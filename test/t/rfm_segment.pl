# The shop's own RFM segments survive a crash, and a dump and restore give them
# back; who may not write them cannot.
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
	CREATE ROLE analyst LOGIN;
	CREATE ROLE operator LOGIN;
	GRANT EXECUTE ON FUNCTION promo.rfm_segment_name(integer, integer, integer, integer) TO analyst;
	GRANT SELECT, INSERT, UPDATE, DELETE ON promo.rfm_segment TO operator;
	SET ROLE operator;
	INSERT INTO promo.rfm_segment (priority, segment, r_from, f_to) VALUES (1, 'fresh "faces"', 4, 2), (2, E'all\tothers', 1, NULL);
	INSERT INTO promo.rfm_segment (scores, priority, segment, m_from, m_to) VALUES (3, 1, 'big', 3, 3);
});

my $rows = 'SELECT * FROM promo.rfm_segment ORDER BY scores, priority';
my $before = $node->safe_psql('postgres', $rows);
my $names = q{
	SELECT string_agg(promo.rfm_segment_name(r, f, 1), ',' ORDER BY r, f) || promo.rfm_segment_name(1, 1, 3, 3)
	FROM generate_series(1, 5) r, generate_series(1, 5) f};
my $named = $node->safe_psql('postgres', $names);
is(() = $named =~ /fresh "faces"/g, 4, 'an operator with the right named segments');

is($node->safe_psql('postgres', $names, extra_params => [ '-U', 'analyst' ]),
	$named, 'an analyst with the right sees the names');
for my $statement (
	$rows,
	"INSERT INTO promo.rfm_segment (priority, segment) VALUES (9, 'mine')",
	"UPDATE promo.rfm_segment SET segment = 'mine'",
	'DELETE FROM promo.rfm_segment',
	'TRUNCATE promo.rfm_segment')
{
	my ($result, $out, $err) = $node->psql('postgres', $statement, extra_params => [ '-U', 'analyst' ]);
	like($err, qr/permission denied for table rfm_segment/, "an analyst may not: $statement");
}

# One session is in the middle of a transaction when the server crashes.
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start(
	[ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$in .= "BEGIN; DELETE FROM promo.rfm_segment; SELECT 'deleted';\n";
$session->pump until $out =~ /deleted/;
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
is($node->safe_psql('restored', $names, extra_params => [ '-U', 'analyst' ]),
	$named, 'the restored names are equal, and so are the rights');

$node->stop;
done_testing();
