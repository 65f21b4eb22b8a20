# A forest in the user's own table: canceled, dumped, restored, served on a
# standby.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init(allows_streaming => 1);
$node->start;

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION promo;
	CREATE TABLE visit AS
		SELECT i AS id, i % 100 AS a, (i * 7) % 53 AS b, chr(97 + i % 7) AS c, (i % 100) * 2 + (i * 7) % 53 AS y
		FROM generate_series(1, 30000) i;
	CREATE TABLE model (name text, forest promo.forest);
	INSERT INTO model
		SELECT 'y', promo.random_forest(y, f, '{"trees": 100, "seed": 1}')
		FROM visit v, LATERAL (SELECT a, b, c) f;
	INSERT INTO model
		SELECT 'c', promo.random_forest(c, f, '{"trees": 10, "seed": 1}')
		FROM visit v, LATERAL (SELECT a, b, y) f;
});

# A training of some minutes ends when it is told to.
my ($code, $output, $error) = $node->psql(
	'postgres', q{
	SET statement_timeout = '1s';
	SELECT promo.random_forest(y, f, '{"trees": 3000, "min_leaf": 1000}')
	FROM visit v, LATERAL (SELECT a, b, c) f, generate_series(1, 10);
});
like($error, qr/canceling statement due to statement timeout/, 'a training can be canceled');
is($node->safe_psql('postgres', 'SELECT count(*) FROM model'), '2', 'and the server goes on');

# The values survive a dump.
my $digests = q{SELECT name, md5(forest::text) FROM model ORDER BY name};
my $dump = $node->backup_dir . '/model.sql';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'forests are dumped');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('again') ],
	'and restored');
is($node->safe_psql('again', $digests), $node->safe_psql('postgres', $digests), 'the same to the bit');

# Names are held to the encoding of the database that they come to.
$node->safe_psql('postgres', q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
my $foreign = $node->safe_psql(
	'bytes', q{
	CREATE EXTENSION promo;
	SELECT promo.random_forest(i, f, '{"trees": 1}')
	FROM generate_series(1, 40) i, LATERAL (SELECT CASE WHEN i % 2 = 0 THEN E'\xff' ELSE 'a' END AS c) f});
$node->safe_psql('postgres', q{CREATE DATABASE letters ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('letters', 'CREATE EXTENSION promo');
($code, $output, $error) = $node->psql('letters', "SELECT '$foreign'::promo.forest");
like($error, qr/forest has names that are no text in encoding UTF8/, 'names in another encoding are refused');

# A standby predicts what the primary predicts.
my $predict = q{
	SELECT md5(string_agg(promo.predict(forest, v)::text, ' ' ORDER BY id))
	FROM visit v, model WHERE name = 'y' AND id <= 1000};
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $predict), $node->safe_psql('postgres', $predict),
	'a standby predicts the same');

# A crash keeps what was committed.
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $digests), $node->safe_psql('again', $digests), 'forests survive a crash');

$standby->stop;
$node->stop;
done_testing();
