# The conformance cases of membership and coupons, through test/cases; and random
# ledgers, which the tables and membership_replay() keep alike.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $build = $ENV{PROMO_BUILD} or plan skip_all => 'PROMO_BUILD is not set';
my $file = ($ENV{PROMO_SHARED} || '') . '/cases/membership-examples.json';
plan skip_all => "$file is missing" unless -r $file;

my $node = PostgreSQL::Test::Cluster->new('cases');
$node->init;
$node->append_conf('postgresql.conf', 'jit = off');
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE promo_cases');
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

# What a run says, and whether it says that all is well
sub cases
{
	my @files = @_;
	my ($out, $err) = ('', '');
	my $right = IPC::Run::run([ "$build/test/cases", @files ], '>', \$out, '2>', \$err);
	return ($right, $out, $err);
}

my ($right, $out, $err) = cases($file);
ok($right, 'every case of membership passes') or diag("$out$err");
my $cases = () = PostgreSQL::Test::Utils::slurp_file($file) =~ /^  \{"id":/mg;
is($out, "$cases passed, 0 failed, 0 skipped\n", 'and none is left out');

# Those of coupons: carts that are priced, amounts that are shared, orders that
# are redeemed and voided, codes that are made
my $coupons = "$ENV{PROMO_SHARED}/cases/coupons-examples.json";
($right, $out, $err) = cases($coupons);
ok($right, 'every case of coupons passes') or diag("$out$err");
$cases = () = PostgreSQL::Test::Utils::slurp_file($coupons) =~ /^  \{"id":/mg;
is($out, "$cases passed, 0 failed, 0 skipped\n", 'and none is left out');
is($node->safe_psql('promo_cases', 'SELECT count(*) FROM promo.redemption_audit()'), '0', 'and their counters are what the ledger says');

# A case that fails is told with both, as is one that nobody knows
my $wrong = "${PostgreSQL::Test::Utils::tmp_check}/wrong.json";
open my $handle, '>', $wrong or die "$wrong: $!";
print $handle q[{"cases": [
	{"id": "right", "kind": "redeem_units", "given": {"balance": 10, "unit_points": 3}, "expect": {"points": 9.0}},
	{"id": "wrong", "kind": "redeem_units", "given": {"balance": 10, "unit_points": 3}, "expect": {"points": 10}},
	{"id": "lots", "kind": "ledger", "given": {"policy": {}, "ops": [{"op": "earn", "points": 5, "at": "2026-01-01T00:00:00Z", "ref": "a", "expires_at": null},
		{"op": "check", "expect": {"balance": 4}}]}, "expect": {"balance": 5}},
	{"id": "faulty", "kind": "reward_cost", "given": {"quantity": -1}, "expect": {"points": 1}},
	{"id": "empty", "kind": "reward_cost", "given": {"quantity": 1}, "expect": {}},
	{"id": "strange", "kind": "horoscope", "given": {}, "expect": {"luck": true}}]}];
close $handle;
($right, $out, $err) = cases($wrong);
ok(!$right, 'cases that fail are told by the exit code');
like($out, qr/^failed wrong \(wrong.json promo.points_redeemable\(g\)\)\n    expected \{"points": 10\}\n    actual   \{"units": 3, "points": 9\}$/m, 'expected and actual');
like($out, qr/^failed lots .*replayed.*\n.*"checks": \[\{"balance": 4\}\].*\n.*\nfailed lots .*posted/m, 'what is expected in between, in both ways');
like($out, qr/^failed faulty .*\n.*\n    error    invalid request$/m, 'an error');
like($out, qr/^failed empty .*nothing is expected/m, 'nothing that is expected');
like($out, qr/^failed strange .*nothing is known of kind "horoscope"/m, 'a kind that is not known');
like($out, qr/^1 passed, 5 failed, 0 skipped\n\z/m, 'and all are counted');

# Random ledgers with random policies: the tables, after the last operation and
# in between, say what the replay says, and the audit finds nothing
my $random = q{
	SELECT setseed(0.7);
	CREATE TABLE ledger AS
	SELECT jsonb_build_object('id', 'random ' || n, 'expect', '{}'::jsonb, 'given', jsonb_build_object(
		'policy', (ARRAY['{}', '{"allow_debt": true, "restore_grace_days": 5}', '{"clawback": "debt", "restore_grace_days": 0}', '{"restore_grace_days": 3}'])[1 + n % 4]::jsonb,
		'ops', (SELECT jsonb_agg(CASE WHEN o.k = 'check' THEN '{"op": "check"}'::jsonb ELSE jsonb_strip_nulls(jsonb_build_object('op', o.k, 'ref', 'r' || o.ref,
				'at', to_char('2026-01-01'::timestamp + interval '11 hours' * o.i, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
				'points', CASE WHEN o.k IN ('earn', 'redeem', 'debit', 'hold') OR o.k = 'capture' AND o.chance < 0.5 THEN 1 + o.amount % CASE o.k WHEN 'earn' THEN 100 ELSE 60 END END,
				'mode', CASE WHEN o.k = 'redeem' THEN CASE WHEN o.chance < 0.5 THEN 'partial' ELSE 'strict' END END,
				'times_out_at', CASE WHEN o.k = 'hold' AND o.chance < 0.6 THEN to_char('2026-01-01'::timestamp + interval '11 hours' * o.i + interval '1 day' * (1 + o.amount % 6), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END,
				'key', CASE WHEN o.k ~ 'reverse' THEN 'k' || o.amount % 6 END,
				'fraction', CASE WHEN o.k ~ 'reverse' AND o.chance < 0.7 THEN (ARRAY[0.25, 0.5, 0.333, 0.1, 0.0001, 1])[1 + o.amount % 6] END))
				|| CASE WHEN o.k = 'earn' THEN jsonb_build_object('expires_at', CASE WHEN o.chance < 0.8 THEN to_char('2026-01-01'::timestamp + interval '11 hours' * o.i + interval '13 hours' * (1 + o.amount % 40), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END) ELSE '{}' END END ORDER BY o.i)
			FROM (SELECT i, (ARRAY['earn', 'earn', 'earn', 'earn', 'redeem', 'redeem', 'debit', 'hold', 'hold', 'capture', 'capture', 'release', 'expire', 'reverse_earn', 'reverse_earn',
					'reverse_redeem', 'reverse_redeem', 'reverse_redeem', 'suspend', 'resume', 'resume', 'check'])[1 + floor(22 * random())::int] AS k,
				1 + floor(9 * random())::int AS ref, floor(1000 * random())::int AS amount, random() AS chance FROM generate_series(1, 40) i WHERE n > 0) o))) AS c
	FROM generate_series(1, 60) n;
	CREATE TABLE played AS SELECT c, cases.replayed(c) AS replayed, cases.posted(c) AS posted FROM ledger;
};
$node->safe_psql('promo_cases', $random);
is($node->safe_psql('promo_cases', q{SELECT format('%s: %s but %s', c ->> 'id', replayed, posted) FROM played WHERE replayed <> posted LIMIT 3}),
	'', 'the tables and the replay keep the same ledgers');
is($node->safe_psql('promo_cases', q{SELECT count(*), bool_and(replayed = posted), sum(jsonb_array_length(replayed -> 'errors')) > 200, sum(jsonb_array_length(replayed -> 'checks')) > 50 FROM played}),
	'60|t|t|t', 'and they are as many as should be');
is($node->safe_psql('promo_cases', q{SELECT count(*) FILTER (WHERE often < 20) FROM (SELECT kind, count(*) AS often FROM promo.points_entry GROUP BY kind) e}), '0', 'in which all happens often');
is($node->safe_psql('promo_cases', 'SELECT count(*) FROM promo.membership_audit()'), '0', 'and the audit proves them');

$node->stop;
done_testing();
