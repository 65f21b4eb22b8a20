# Promotions, codes, limits and the ledger of redemptions survive a crash; a
# dump and restore give them back; who may not see or write them cannot.
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
	CREATE ROLE application LOGIN;
	CREATE ROLE operator LOGIN;
	GRANT SELECT, INSERT, UPDATE, DELETE ON promo.pricing_policy TO operator;
	GRANT EXECUTE ON FUNCTION promo.generate_codes TO operator;
	INSERT INTO promo.promotion (promotion, version, needs_code, campaign, starts_at, channels, key_kind, keys)
	VALUES ('mail', 2, true, 'winter', '2026-01-01 00:00Z', '{web,app}', 'category', '{coats}'), ('all', 1, false, NULL, NULL, NULL, NULL, NULL);
	INSERT INTO promo.promotion_version (promotion_id, version, definition, defined_by)
	VALUES (1, 1, '{"name": "mail"}', 'me'), (1, 2, '{"name": "mail", "priority": 1}', 'me'), (2, 1, '{"name": "all"}', 'me');
	INSERT INTO promo.pricing_policy VALUES ('', '{"combine": "best_one"}'), ('app', '{}');
	INSERT INTO promo.coupon_code (promotion_id, kind, code, key) VALUES (1, 'shared', 'Win-Ter', 'WINTER');
	INSERT INTO promo.coupon_code (promotion_id, kind, customer_id, code, key, state, order_id)
	VALUES (1, 'personal', promo.customer_number('ann'), 'ANN', 'ANN', 'redeemed', 'o1');
	INSERT INTO promo.usage_limit (promotion_id, counts, most, slots) VALUES (1, 'uses', 10, 2);
	INSERT INTO promo.usage_limit (campaign, counts, most, currency, exponent) VALUES ('winter', 'money', 100000, 'EUR', 2);
	INSERT INTO promo.usage_limit (promotion_id, counts, most, period, time_zone) VALUES (1, 'customer', 1, 'month', 'Europe/Berlin');
	INSERT INTO promo.usage_limit (code_id, counts, most) VALUES (1, 'uses', 5);
	INSERT INTO promo.usage_slot (limit_id, slot, most, used) VALUES (1, 0, 5, 1), (1, 1, 5, 0), (2, 0, 100000, 500), (4, 0, 5, 0);
	INSERT INTO promo.usage_customer (limit_id, customer_id, period_start, used) VALUES (3, promo.customer_number('ann'), '2026-01-01', 1);
	INSERT INTO promo.redemption (order_id, event, customer_id, currency, exponent, goods_discount, shipping_discount, total, cart, cart_hash, result, at, posted_at, actor)
	VALUES ('o1', 'redeem', promo.customer_number('ann'), 'EUR', 2, 500, 0, 1500, '{"lines": []}', '\x01', '{}', '2026-01-05 00:00Z', '2026-01-05 00:00Z', 'application');
	INSERT INTO promo.redemption (order_id, event, of_id, refund_id, customer_id, currency, exponent, goods_discount, shipping_discount, total, cart_hash, at, posted_at, actor, reason)
	VALUES ('o1', 'refund', 1, 'r1', promo.customer_number('ann'), 'EUR', 2, -100, 0, -300, '\x01', '2026-01-06 00:00Z', '2026-01-06 00:00Z', 'application', 'too big for ann');
	INSERT INTO promo.redemption_promotion VALUES (1, 1, 2, 2, 1, 500, 0, '{"a": [[500, 1]]}'), (2, 1, 2, 2, 0, -100, 0, '{}');
	INSERT INTO promo.redemption_order VALUES ('o1', promo.customer_number('ann'), 'partially_refunded', 1, NULL);
	SELECT promo.generate_codes('mail', 100, batch_key => 'a', ends_at => '2027-01-01 00:00Z');
});

my @tables = qw(promotion promotion_version pricing_policy coupon_batch coupon_code usage_limit usage_slot usage_customer
	redemption_order redemption redemption_promotion);
my $rows = join(';', map { "SELECT '$_', t FROM promo.$_ t ORDER BY t::text COLLATE \"C\"" } @tables);
my $before = $node->safe_psql('postgres', $rows);
like($before, qr/^promotion\|\(1,mail,2,t,winter,/m, 'a promotion is there');
my $stamp = $node->safe_psql('postgres', 'SELECT stamp FROM promo.promotion_stamp');
like($stamp, qr/^[0-9a-f-]{36}$/, 'changes of promotions are stamped');

# Who was granted nothing sees nothing and writes nothing
for my $table (@tables, 'promotion_stamp')
{
	for my $statement ("SELECT FROM promo.$table", "DELETE FROM promo.$table", "INSERT INTO promo.$table DEFAULT VALUES", "TRUNCATE promo.$table")
	{
		my ($result, $out, $err) = $node->psql('postgres', $statement, extra_params => [ '-U', 'application' ]);
		like($err, qr/permission denied for table $table/, "the application may not: $statement");
	}
}
for my $function (q{coupon_forget(1)}, q{coupon_customer_data(1)}, q{generate_codes('mail', 1)})
{
	my ($result, $out, $err) = $node->psql('postgres', "SELECT promo.$function", extra_params => [ '-U', 'application' ]);
	like($err, qr/permission denied for function/, "nor call $function");
}
is($node->safe_psql('postgres', q{UPDATE promo.pricing_policy SET policy = '{"combine": "best_order"}' WHERE channel = 'app' RETURNING channel},
		extra_params => [ '-U', 'operator' ]), 'app', 'an operator who was granted it sets policies');
my ($result, $out, $err) = $node->psql('postgres', q{UPDATE promo.usage_slot SET used = 0}, extra_params => [ '-U', 'operator' ]);
like($err, qr/permission denied for table usage_slot/, 'and no counters');
$before = $node->safe_psql('postgres', $rows);

# One session is in the middle when the server crashes
my ($in, $read, $said) = (q{BEGIN; DELETE FROM promo.usage_slot; UPDATE promo.promotion SET version = version + 1;
	SELECT 'made ' || count(*) FROM promo.generate_codes('mail', 1000);} . "\n", '', '');
my $session = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres') ],
	'<', \$in, '>', \$read, '2>', \$said, IPC::Run::timeout(60));
$session->pump until $read =~ /made 1000/;
$node->stop('immediate');
$session->kill_kill;
$node->start;
is($node->safe_psql('postgres', $rows), $before, 'a crash keeps what was committed, and only that');
is($node->safe_psql('postgres', 'SELECT stamp FROM promo.promotion_stamp'), $stamp, 'and so the stamp');

my $dump = "${PostgreSQL::Test::Utils::tmp_check}/shop.sql";
$node->command_ok([ 'pg_dump', '--no-sync', '-f', $dump, $node->connstr('postgres') ], 'the database is dumped');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ],
	'a dump restores without an error');
is($node->safe_psql('restored', $rows), $before, 'the restored tables are equal');
is($node->safe_psql('restored', 'SELECT count(*) FROM promo.promotion_stamp'), '1', 'there is a stamp');
is($node->safe_psql('restored', q{SELECT count(*) FROM promo.generate_codes('mail', 100, batch_key => 'a', ends_at => '2027-01-01 00:00Z') code
	JOIN promo.coupon_code USING (code) WHERE code_id <= 102}), '100', 'batches are known');
is($node->safe_psql('restored', q{CREATE TEMP TABLE fresh AS SELECT code FROM promo.generate_codes('mail', 100) code;
	SELECT count(*) FROM fresh JOIN promo.coupon_code USING (code) WHERE code_id > 102}), '100', 'and numbers go on after those that were restored');

# Shown, and forgotten: counts and amounts stay, carts, words, codes and order ids do not
is($node->safe_psql('restored', q{SELECT d #>> '{codes,0,code}', d #>> '{uses,0,used}', d #>> '{orders,0,order}', d #>> '{orders,0,entries,1,reason}',
		d #> '{orders,0,entries,0,cart}' FROM (SELECT promo.customer_data('ann') -> 'coupon' AS d) t}),
	'ANN|1|o1|too big for ann|{"lines": []}', 'a customer is shown');
$node->safe_psql('restored', q{SELECT promo.forget_customer('ann')});
unlike($node->safe_psql('restored', $rows), qr/\bann\b|\bo1\b|\br1\b|lines/i, 'and forgotten');
is($node->safe_psql('restored', q{SELECT sum(goods_discount), sum(total), count(cart), count(DISTINCT order_id) FROM promo.redemption}), '400|1200|0|1', 'amounts stay');
is($node->safe_psql('restored', q{SELECT o.order_id = r.order_id AND o.order_id = c.order_id
		FROM promo.redemption_order o, promo.redemption r, promo.coupon_code c WHERE r.redemption_id = 1 AND c.code_id = 2}), 't', 'under one hashed id');
is($node->safe_psql('restored', q{SELECT sum(used) FROM promo.usage_customer}), '1', 'uses stay counted');

$node->stop;
done_testing();
