# Redemptions stay exact under a storm of sessions that abort, are terminated
# and crash; a dump and restore give them back.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init;
$node->append_conf('postgresql.conf', "max_connections = 60\nfsync = off\ndeadlock_timeout = 200ms\nlog_min_messages = fatal");
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION promo;
	SELECT promo.define_promotion('{"name": "hot", "code": "HOT", "campaign": "storm", "currency": {"code": "EUR", "exponent": 2},
		"limits": {"total": 400, "budget": "1000.00", "slots": 8}, "actions": [{"type": "percent_off", "target": "order", "percent": 10}]}');
	SELECT promo.define_promotion('{"name": "cold", "code": "COLD", "limits": {"total": 300, "per_customer": 2}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}');
	SELECT promo.define_promotion('{"name": "auto", "limits": {"total": 200, "slots": 4}, "conditions": [{"type": "min_subtotal", "amount": 40}], "actions": [{"type": "amount_off", "target": "order", "amount": 2}]}');
	SELECT promo.define_promotion('{"name": "free", "code": "FREE", "actions": [{"type": "amount_off", "target": "order", "amount": 3}]}');
	SELECT promo.define_promotion('{"name": "mail", "needs_code": true, "actions": [{"type": "amount_off", "target": "order", "amount": 5}]}');
	SELECT promo.limit_campaign('storm', '{"total": 390, "per_customer": 9}');
	CREATE TABLE code AS SELECT row_number() OVER () AS n, c AS code FROM promo.generate_codes('mail', 200) c;
	CREATE TABLE done (kind text, state text);
	-- One order: some codes, in some order; reserved first or not, canceled or returned at times
	CREATE FUNCTION shop(n int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		id text := 'o' || n;
		codes text[] := CASE n % 6 WHEN 0 THEN '{HOT,COLD}' WHEN 1 THEN '{COLD,HOT}' WHEN 2 THEN '{FREE}' WHEN 3 THEN '{HOT}' WHEN 4 THEN ARRAY['COLD', (SELECT c.code FROM public.code c WHERE c.n = shop.n % 200 + 1)] ELSE '{}' END;
		cart jsonb := jsonb_build_object('currency', '{"code": "EUR", "exponent": 2}'::jsonb, 'customer', jsonb_build_object('id', 'c' || n % 97), 'codes', to_jsonb(codes),
			'lines', jsonb_build_array(jsonb_build_object('id', 'a', 'unit_price', 10 + n % 7, 'quantity', 1 + n % 5)));
	BEGIN
		IF n % 3 = 0 THEN
			PERFORM promo.reserve(id, cart, CASE WHEN n % 9 = 0 THEN interval '1 millisecond' ELSE interval '1 minute' END, clock_timestamp());
		END IF;
		IF n % 9 <> 0 THEN
			PERFORM promo.redeem(id, CASE WHEN n % 3 <> 0 THEN cart END, at => clock_timestamp());
		END IF;
		IF n % 10 = 7 THEN
			PERFORM promo.void(id, 'canceled', clock_timestamp());
		ELSIF n % 10 = 4 AND n % 9 <> 0 THEN
			PERFORM promo.refund(id, 'r', '[{"line": "a", "quantity": 1}]', clock_timestamp());
		END IF;
		RETURN 'done';
	EXCEPTION WHEN SQLSTATE 'PC001' OR SQLSTATE 'PC002' OR SQLSTATE 'PC003' OR SQLSTATE 'PC004' OR object_not_in_prerequisite_state THEN
		RETURN SQLSTATE;
	END $$;
});

my $script = "${PostgreSQL::Test::Utils::tmp_check}/storm.sql";
append_to_file($script, q{\set n random(1, 5000)
\set fate random(1, 10)
BEGIN;
SELECT shop(:n);
\if :fate = 1
ROLLBACK;
\else
COMMIT;
\endif
});

my $faults = 'SELECT count(*) FROM promo.redemption_audit()';
my $over = q{SELECT l.limit_id, l.counts FROM promo.usage_limit l JOIN (
		SELECT limit_id, sum(used + reserved) AS held FROM promo.usage_slot GROUP BY limit_id
		UNION ALL SELECT limit_id, max(used + reserved) FROM promo.usage_customer GROUP BY limit_id) h USING (limit_id)
	WHERE h.held > l.most};
my $codes = q{SELECT count(*) FROM promo.coupon_code c JOIN promo.redemption_order o USING (order_id)
	WHERE c.kind = 'single' AND (c.state, o.state) NOT IN (('redeemed', 'redeemed'), ('redeemed', 'partially_refunded'), ('redeemed', 'refunded'), ('reserved', 'reserved'))};

# Sixteen clients, of which some are terminated in the middle of a call, until
# there are so many redemptions, or the server crashes in the middle.
my $redeemed = q{SELECT count(*) FROM promo.redemption WHERE event IN ('redeem', 'reserve')};

sub storm
{
	my ($wanted, $crash) = @_;
	my ($out, $err, $killed, $done) = ('', '', 0, 0);
	my $bench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '16', '-j', '2', '-T', '60', '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120));
	while ($done < $wanted || !$killed)
	{
		my $found;
		select(undef, undef, undef, 0.2);
		# Clients that were terminated are gone, and the last ones stay.
		(undef, $found) = $node->psql('postgres', q{SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
			WHERE query LIKE 'SELECT shop%' AND state = 'active' AND pid <> pg_backend_pid() LIMIT 1) t
			WHERE (SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT shop%') > 8});
		$killed += $found || 0;
		(undef, $done) = $node->psql('postgres', $redeemed);
		$done ||= 0;
		last unless $bench->pumpable;
	}
	$node->stop('immediate') if $crash;
	$bench->signal('INT') unless $crash;
	eval { $bench->finish };
	return ($killed, $err);
}

my ($killed, $said) = storm(80, 1);
$node->start;
cmp_ok($killed, '>', 0, 'sessions were terminated in the middle of a call');
unlike($said, qr/deadlock/, 'nobody waited in a circle');
is($node->safe_psql('postgres', $faults), '0', 'after a crash, counters are what the ledger says');
is($node->safe_psql('postgres', $over), '', 'and no limit is passed');
my $first = $node->safe_psql('postgres', $redeemed);
cmp_ok($first, '>=', 80, 'there were redemptions');
($killed, $said) = storm($first + 150, 0);
unlike($said, qr/deadlock/, 'nor in the second storm');
cmp_ok($node->safe_psql('postgres', $redeemed), '>', $first, 'which went on');
is($node->safe_psql('postgres', $faults), '0', 'counters are what the ledger says');
is($node->safe_psql('postgres', $over), '', 'no limit is passed');
is($node->safe_psql('postgres', $codes), '0', 'each code is where its order is');

# Everybody at once wants the rest: it is given out to the last use, and no more
$node->safe_psql('postgres', q{CALL promo.sweep_reservations(now() + interval '1 day');
	SELECT count(promo.void(order_id, 'cleared')) FROM promo.redemption_order WHERE state = 'redeemed';
	SELECT promo.define_promotion('{"name": "last", "code": "LAST", "limits": {"total": 50, "slots": 8}, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}')});
my $rush = "${PostgreSQL::Test::Utils::tmp_check}/rush.sql";
append_to_file($rush, q{DO $$ BEGIN
	PERFORM promo.redeem('rush' || gen_random_uuid(), '{"currency": {"code": "EUR", "exponent": 2}, "codes": ["LAST"], "lines": [{"id": "a", "unit_price": 5, "quantity": 1}]}');
EXCEPTION WHEN SQLSTATE 'PC002' THEN NULL; END $$;
});
$node->command_ok([ 'pgbench', '-n', '-c', '16', '-j', '2', '-t', '6', '-f', $rush, '-h', $node->host, '-p', $node->port, 'postgres' ], 'a rush for fifty uses');
is($node->safe_psql('postgres', q{SELECT used FROM promo.promotion_usage WHERE promotion = 'last'}), '50', 'gives out all fifty');
is($node->safe_psql('postgres', $faults), '0', 'and counts them');

# Restored, all is there, and goes on
my @tables = qw(redemption_order redemption redemption_promotion usage_limit usage_slot usage_customer coupon_code promotion promotion_version);
my $rows = join(';', map { "SELECT '$_', count(*), md5(string_agg(t::text, '' ORDER BY t::text COLLATE \"C\")) FROM promo.$_ t" } @tables);
my $before = $node->safe_psql('postgres', $rows);
my $dump = "${PostgreSQL::Test::Utils::tmp_check}/shop.sql";
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('postgres') ], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'a dump restores without an error');
is($node->safe_psql('restored', $rows), $before, 'the restored tables are equal');
is($node->safe_psql('restored', $faults), '0', 'counters are what the ledger says there');
is($node->safe_psql('restored', q{SELECT shop(6002)}), 'done', 'and orders go on');

$node->stop;
done_testing();
