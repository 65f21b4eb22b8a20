# Programs, members and their points survive a crash; a dump and restore give them back.
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
	SELECT promo.define_program('{"currency": {"code": "EUR", "exponent": 2}, "time_zone": "Europe/Berlin",
		"tiers": [{"name": "basic", "threshold": 0}, {"name": "gold", "threshold": 500}]}');
	SELECT promo.define_program('{"name": "ruled", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}],
		"earning": {"cap_per_period": {"points": 100, "unit": "month"}, "rules": [{"type": "rate", "rate": 2}]}}');
	SELECT promo.enroll('r1', '2026-01-01 00:00Z', 'ruled'), promo.earn('r1', 'o1', '{"lines": [{"amount": 40}]}', '2026-01-02 00:00Z', 'ruled');
	SELECT promo.enroll_all('SELECT ''c'' || g FROM generate_series(1, 1000) g', '2026-01-01 00:00Z');
	SELECT promo.earn('c' || g, 'o' || i, jsonb_build_object('points', g, 'amount', g, 'expires_at', NULL), '2026-01-02 00:00Z')
	FROM generate_series(1, 100) g, generate_series(1, 3) i;
	SELECT promo.redeem_points('c' || g, 'r', g + 1, '2026-01-03 00:00Z') FROM generate_series(5, 50) g;
	SELECT promo.hold_points('c' || g, 'h', g, '2026-01-03 00:00Z', '1 year'), promo.return_order('c' || g, 'b', 'o1', 1, '2026-01-04 00:00Z') FROM generate_series(60, 70) g;
	SELECT promo.earn('c' || g, 'short', '{"points": 9, "amount": 9, "expires_at": "2026-02-01T00:00Z"}', '2026-01-05 00:00Z') FROM generate_series(70, 90) g;
	SELECT promo.merge_members('c90', 'c91', '2026-01-06 00:00Z'), promo.transfer_points('c92', 't', 'c93', 100, '2026-01-06 00:00Z');
	SELECT promo.suspend_member('c1', 'fraud?', '2026-02-01 00:00Z'), promo.close_member('c2', 'asked for it', '2026-02-01 00:00Z'),
		promo.opt_out_member('c3'), promo.forget_customer('c4');
});

my $rows = q{
	SELECT * FROM promo.program ORDER BY 1; SELECT * FROM promo.tier ORDER BY 1, 3; SELECT * FROM promo.member ORDER BY 1, 2;
	SELECT * FROM promo.tier_period ORDER BY 1, 2, 4; SELECT * FROM promo.tier_benefit ORDER BY 1, 2, 3; SELECT * FROM promo.benefit_grant ORDER BY 1, 2, 3, 4, 5; SELECT * FROM promo.customer ORDER BY 1;
	SELECT * FROM promo.points_entry ORDER BY 1; SELECT * FROM promo.points_lot ORDER BY 1; SELECT * FROM promo.points_allocation ORDER BY 1, 2; SELECT * FROM promo.points_hold ORDER BY 1};
my $before = $node->safe_psql('postgres', $rows);
like($before, qr/^1\|default\|.*\|Europe\/Berlin\|EUR\|2\|spend\|rolling\|12\|/m, 'a program is there');

# One session is in the middle of enrolling, and of redeeming, when the server crashes
my ($in, $out, $err) = (q{BEGIN; SELECT 'enrolled ' || promo.enroll_all('SELECT ''x'' || g FROM generate_series(1, 1000) g'), promo.redeem_points('c80', 'lost', 100), promo.points_expire_batch('2026-03-01 00:00Z', 1000), promo.merge_members('c81', 'c82'), promo.transfer_points('c83', 'lost', 'c84', 10);} . "\n", '', '');
my $session = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$session->pump until $out =~ /enrolled 1000/;
$node->stop('immediate');
$session->kill_kill;
$node->start;
is($node->safe_psql('postgres', $rows), $before, 'a crash keeps what was committed, and only that');
is($node->safe_psql('postgres', q{SELECT promo.enroll('x1'), promo.points_balance('c80')}), 't|240', 'and a customer is enrolled after it');
is($node->safe_psql('postgres', 'SELECT count(*) FROM promo.membership_audit()'), '0', 'the ledger is proved');
$before = $node->safe_psql('postgres', $rows);

my $dump = "${PostgreSQL::Test::Utils::tmp_check}/shop.sql";
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('postgres') ], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ],
	'a dump restores without an error');
is($node->safe_psql('restored', $rows), $before, 'the restored tables are equal');
is($node->safe_psql('restored', q{SELECT promo.enroll('c5'), promo.resume_member('c1', '2026-03-01 00:00Z')}), 'f|t', 'members are members');
is($node->safe_psql('restored', q{SELECT promo.redeem_points('c5', 'r', 6), promo.redeem_points('c5', 'r2', 9)}), '6|9', 'keys are known, and the points are there');
is($node->safe_psql('restored', q{SELECT promo.earn('r1', 'o2', '{"lines": [{"amount": 40}]}', '2026-01-03 00:00Z', 'ruled') ->> 'points'}), '20', 'the rules are there, and what was earned under their cap');
is($node->safe_psql('restored', q{SELECT promo.capture_points('c60', 'h', at => '2026-01-05 00:00Z'), promo.release_points('c61', 'h', '2026-01-05 00:00Z')}), '60|t', 'and what is held');
is($node->safe_psql('restored', q{SELECT promo.points_balance('c90', '2026-01-07 00:00Z'), promo.points_expire_batch('2026-03-01 00:00Z', 1000)}), '552|21', 'a merged customer too, and what is due expires');
is($node->safe_psql('restored', 'SELECT count(*) FROM promo.membership_audit()'), '0', 'the ledger is proved');
is( $node->safe_psql('restored', q{SELECT promo.define_program('{"name": "air", "currency": {"code": "EUR", "exponent": 2}, "tiers": [{"name": "basic", "threshold": 0}]}');
	SELECT max(program_id) > 1 FROM promo.program}), "air\nt", 'numbers go on after those that were restored');

# The nightly run, killed between two of its batches and then run again, comes to
# what an uninterrupted run comes to in an equal database
$node->safe_psql('restored', q{
	SELECT promo.define_program('{"name": "club", "currency": {"code": "EUR", "exponent": 2}, "window": {"type": "calendar", "unit": "quarter"}, "points": {"expiry": {"type": "after", "days": 100}},
		"tiers": [{"name": "basic", "threshold": 0}, {"name": "gold", "threshold": 50, "benefits": [{"type": "points", "name": "thanks", "points": 5, "every": "month"}, {"type": "coupon", "name": "parcel", "promotion": "p", "every": "quarter"}]}]}');
	SELECT promo.enroll_all('SELECT ''d'' || g FROM generate_series(1, 300) g', '2026-01-01 00:00Z', 'club');
	SELECT promo.set_birthday('d' || g, date '1980-01-01' + g, '2026-01-01 00:00Z', 'club') FROM generate_series(1, 300) g;
	SELECT promo.earn('d' || g, 'o', jsonb_build_object('points', g, 'amount', g), '2026-01-02 00:00Z', 'club') FROM generate_series(1, 300) g;
});
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('restored') ], 'the database is dumped again');
$node->safe_psql('postgres', 'CREATE DATABASE equal');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('equal'), '-f', $dump ], 'and restored');
my $outcome = q{
	SELECT c.shop_id, t.tier, t.cause, t.begins_at, t.ends_at, t.earned_until, t.figures FROM promo.tier_period t JOIN promo.customer c USING (customer_id) ORDER BY t.program_id, t.customer_id, t.begins_at;
	SELECT * FROM promo.benefit_grant ORDER BY 1, 2, 3, 4, 5;
	SELECT program_id, customer_id, kind, points, at FROM promo.points_entry ORDER BY 1, 2, 5, 3, 4;
	SELECT program_id, customer_id, points, points_due_at, tier_due_at, benefit_due_at FROM promo.member ORDER BY 1, 2};
is($node->safe_psql('equal', $outcome), $node->safe_psql('restored', $outcome), 'both are equal before');
$node->safe_psql('equal', q{CALL promo.run_membership('2026-12-31 00:00Z')});
($in, $out, $err) = (q{CALL promo.run_membership('2026-12-31 00:00Z', 3);} . "\n", '', '');
$session = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('restored') ],
	'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
$session->pump_nb;
$node->poll_query_until('restored', q{SELECT count(*) > 20 FROM promo.benefit_grant}) or die 'the run did not begin';
$node->stop('immediate');
$session->kill_kill;
$node->start;
my $part = $node->safe_psql('restored', q{SELECT count(*) FROM promo.benefit_grant});
my $whole = $node->safe_psql('equal', q{SELECT count(*) FROM promo.benefit_grant});
ok($part > 20 && $part < $whole, "the crash came in the middle, after $part of $whole benefits");
$node->safe_psql('restored', q{CALL promo.run_membership('2026-12-31 00:00Z')});
is($node->safe_psql('restored', $outcome), $node->safe_psql('equal', $outcome), 'run again, it comes to the same');
is($node->safe_psql('restored', 'SELECT count(*) FROM promo.membership_audit()'), '0', 'and the ledger is proved');

$node->stop;
done_testing();
