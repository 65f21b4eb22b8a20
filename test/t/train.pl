# Models by name, as several processes see them: grown by workers, watched,
# canceled, dumped, restored, lost in a crash or not, served on a standby.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_worker_processes = 20\nmax_parallel_workers = 16\n");
$node->start;

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION promo;
	CREATE TABLE visit AS
		SELECT i AS id, i % 100 AS a, (i * 7919) % 5003 AS b, chr(97 + i % 7) AS c,
			(i % 100) * 2 + (i * 7919) % 5003 / 100 AS y, 'class ' || (i * 7919) % 5003 / 1000 AS k, (i * 7919) % 5003 > 4000 AS t
		FROM generate_series(1, 20000) i;
});

# The same bits with no worker, with one and with seven, which were really at it
my $digest = q{SELECT md5(string_agg(p.bytes, '' ORDER BY p.piece)) FROM promo.model_piece p
	JOIN promo.model_version v USING (version_id) JOIN promo.model m ON m.model = v.model AND m.current_version = v.version
	WHERE v.model = };
for my $target ('y', 'k', 't')
{
	my %digests;
	for my $workers (0, 1, 7)
	{
		is( $node->safe_psql(
				'postgres',
				qq{SELECT workers FROM promo.train('m', 'SELECT a, b, c, $target FROM visit', '$target',
					'{"trees": 30, "workers": $workers, "seed": 5, "holdout": 0.1}')}),
			$workers,
			"$workers workers grew trees that predict $target");
		$digests{ $node->safe_psql('postgres', "$digest 'm'") } = 1;
	}
	is(scalar keys %digests, 1, 'the model does not tell');
	is( $node->safe_psql('postgres', "SELECT count(DISTINCT (metrics, importances)) FROM promo.model_version
			WHERE model = 'm' AND target = '$target'"),
		'1', 'nor do its figures');
}

unlike(slurp_file($node->logfile), qr/WARNING/, 'nothing was left over');

# Fewer workers than were asked for do the same work
is( $node->safe_psql(
		'postgres', q{SET max_parallel_workers = 2;
	SELECT workers FROM promo.train('m', 'SELECT a, b, c, t FROM visit', 't', '{"trees": 30, "workers": 7, "seed": 5, "holdout": 0.1}')}),
	'2', 'only two workers are there');
is( $node->safe_psql('postgres', "SELECT count(DISTINCT bytes) FROM
		(SELECT string_agg(p.bytes, '' ORDER BY p.piece) AS bytes FROM promo.model_piece p
		JOIN promo.model_version v USING (version_id) WHERE v.target = 't' GROUP BY version_id) b"),
	'1', 'and the model is the same');

# A long training is seen by others, and ends at once when it is told to
my $others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'";
my $temporary = sub { scalar(grep { -e } glob($node->data_dir . '/base/pgsql_tmp/*')) };
my ($in, $out, $err) = ('', '', '');
my $long = q{SELECT promo.train('long', 'SELECT v.a, v.b, v.c, v.y + g AS y FROM visit v, generate_series(1, 5) g', 'y',
	'{"trees": 5000, "workers": 3}');};
my $psql = IPC::Run::start(
	[ 'psql', '-X', '-At', '-d', $node->connstr('postgres'), '-c', "SET work_mem = '64kB'", '-c', $long ],
	'<', \$in, '>', \$out, '2>', \$err);
ok($node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM promo.training_progress WHERE model = 'long' AND phase = 'growing' AND done > 0 AND total = 5000 AND workers = 3"),
	'a training can be watched');
is($node->safe_psql('postgres', q{SELECT query LIKE '% */ SELECT promo.train%' FROM pg_stat_activity a
	JOIN promo.training_progress USING (pid)}), 't', 'beside its statement');
ok($temporary->() > 0, 'it has temporary files');
is($node->safe_psql('postgres', "SELECT count(*) FROM promo.models WHERE model = 'long'"), '0', 'and no model yet');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(pid) FROM promo.training_progress');
$psql->finish;
like($err, qr/canceling statement due to user request/, 'a training can be canceled');
ok($node->poll_query_until('postgres', $others, '0'), 'no worker stays');
is($temporary->(), 0, 'and no file');
is($node->safe_psql('postgres', q{SELECT count(*) FROM promo.model_version WHERE model = 'long'}), '0', 'and no row');

# An error of a worker is the training's
my ($code, $output, $error) = $node->psql('postgres', q{SET temp_file_limit = '100kB'; } . $long);
like($error, qr/temporary file size exceeds temp_file_limit/, 'temporary files are limited');
ok($node->poll_query_until('postgres', $others, '0'), 'no worker stays after an error');

# A model of several pieces survives a dump and a crash; versions stay apart
$node->safe_psql(
	'postgres', q{
	SET promo.model_piece_size = '64kB';
	SELECT promo.train('kept', 'SELECT a, b, c, y FROM visit', 'y', '{"trees": 20, "seed": 1}');
	SELECT promo.train('kept', 'SELECT a, b, c, y FROM visit', 'y', '{"trees": 20, "seed": 2}');
	SELECT promo.use_version('kept', 1);
	SELECT promo.drop_model('m');
	CREATE ROLE analyst;
	GRANT EXECUTE ON FUNCTION promo.train(text, text, text, jsonb) TO analyst;
});
cmp_ok($node->safe_psql('postgres', q{SELECT max(piece) FROM promo.model_piece}), '>', 5, 'there are several pieces');
my $answers = q{SELECT sum(promo.predict('kept', v)), (SELECT sum(hashtext(bytes::text)) FROM promo.model_piece),
	(SELECT count(*) FROM promo.models WHERE is_current),
	(SELECT sum(contribution) FROM visit e, promo.explain('kept', e) WHERE e.a < 5) FROM visit v};
my $before = $node->safe_psql('postgres', $answers);
my $dump = $node->backup_dir . '/train.sql';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'models are dumped');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('again') ], 'and restored');
is($node->safe_psql('again', $answers), $before, 'they say the same');
is($node->safe_psql('again', q{SELECT version FROM promo.train('kept', 'SELECT a, b, y FROM visit', 'y', '{"trees": 2}')}),
	'3', 'and are trained on');

my $standby = PostgreSQL::Test::Cluster->new('replica');
$node->backup('base');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $answers), $before, 'a standby serves them');
$node->safe_psql('postgres', q{SELECT promo.use_version('kept', 2)});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
isnt($standby->safe_psql('postgres', $answers), $before, 'and follows when another version is used');
($code, $output, $error) = $standby->psql('postgres', q{SELECT promo.train('kept', 'SELECT a, y FROM visit', 'y')});
like($error, qr/cannot execute train\(\) in a read-only transaction/, 'but does not train');
$standby->stop;
$node->safe_psql('postgres', q{SELECT promo.use_version('kept', 1)});

# A crash while a model is written leaves the one before
$psql = IPC::Run::start(
	[ 'psql', '-X', '-At', '-d', $node->connstr('postgres'), '-c', 'BEGIN', '-c',
		q{SELECT promo.train('kept', 'SELECT a, b, c, y FROM visit', 'y', '{"trees": 20, "seed": 3}')}, '-c', 'SELECT pg_sleep(100)' ],
	'<', \$in, '>', \$out, '2>', \$err);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)'}), 'it was written');
$node->stop('immediate');
$psql->finish;
$node->start;
is($node->safe_psql('postgres', $answers), $before, 'a crash takes only what was not committed');
is($temporary->(), 0, 'no file stays behind');

done_testing();
