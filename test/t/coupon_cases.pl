# The conformance cases of coupons pass through SQL: carts that are priced,
# amounts that are shared, orders that are redeemed and voided, codes that are
# made.  Where a case depends on a choice on which good systems differ, it names
# the policy, and that is the one it runs under.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $file = ($ENV{PROMO_SHARED} // '') . '/cases/coupons-examples.json';
plan skip_all => 'no conformance cases at hand' unless -e $file;

my $json = JSON::PP->new->canonical->allow_nonref;
open my $handle, '<', $file or die "$file: $!";
my $content = $json->decode(do { local $/; <$handle> });

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION promo');

sub literal { my ($value) = @_; my $text = ref $value ? $json->encode($value) : $value; $text =~ s/'/''/g; return "'$text'" }

sub cents { my ($amount, $exponent) = @_; return sprintf('%.0f', $amount * 10**$exponent) }

sub ask { my ($sql) = @_; return $json->decode($node->safe_psql('postgres', $sql)) }

# Whether what is expected holds, to the cent but for lines with a tolerance
sub holds
{
	my ($key, $want, $have, $case) = @_;
	my $expect = $case->{expect};
	if ($key eq 'lines')
	{
		for my $line (keys %$want)
		{
			my $off = abs(cents($want->{$line}, 3) - cents($have->{$line} // 0, 3));
			return 0 if $off > cents($expect->{line_tolerance} // 0, 3);
		}
		return 1;
	}
	if ($key eq 'by_promotion')
	{
		return !grep { cents($want->{$_}, 3) != cents($have->{$_} // 0, 3) } keys %$want;
	}
	if ($key eq 'rejected' || $key eq 'gifts')
	{
		for my $row (@$want)
		{
			return 0 unless grep {
				my $other = $_;
				!grep { ($other->{$_} // '') ne $row->{$_} } keys %$row
			} @$have;
		}
		return 1;
	}
	return $json->encode($want) eq $json->encode($have // 'nothing') if ref $want;
	return cents($want, 3) == cents($have // -1, 3);
}

# A statement's answer, or the first reason in the detail of its error
sub tried
{
	my ($sql) = @_;
	my ($result, $out, $err) = $node->psql('postgres', $sql);
	return (1, $json->decode($out)) if $result == 0;
	my ($detail) = $err =~ /^DETAIL:  (\[.*\])$/m;
	return (0, $detail ? $json->decode($detail)->[0]{reason} : $err);
}

sub forget_all
{
	$node->safe_psql('postgres', 'TRUNCATE promo.promotion, promo.promotion_version, promo.coupon_batch, promo.coupon_code,
		promo.usage_limit, promo.usage_slot, promo.usage_customer, promo.redemption, promo.redemption_promotion, promo.redemption_order');
}

sub define
{
	my ($promotion, $currency) = @_;
	my %definition = (%$promotion, currency => $currency);
	# "the amount is given by the step": all of a cart of that amount
	$definition{actions} = [ map { $_->{amount_from_step} ? { type => 'percent_off', target => 'order', percent => '100' } : $_ } @{ $promotion->{actions} } ];
	$node->safe_psql('postgres', 'SELECT promo.define_promotion(' . literal(\%definition) . ')');
}

sub cart_of
{
	my ($step, $currency) = @_;
	my $amount = $step->{subtotal} // $step->{amount} // '0';
	my %cart = (currency => $currency, lines => $step->{lines} // [ { id => 'a', unit_price => $amount, quantity => 1 } ]);
	$cart{customer} = { id => $step->{customer} } if $step->{customer};
	$cart{codes} = [ $step->{code} ] if $step->{code};
	return literal(\%cart);
}

# What is wrong with a case of orders, in words
sub lifecycle
{
	my ($case) = @_;
	my @wrong;
	my $place = 0;
	forget_all();
	define($_, $case->{currency}) for @{ $case->{promotions} };
	for my $step (@{ $case->{steps} })
	{
		my ($ok, $answer) = (1);
		$place++;
		if ($step->{op} eq 'set_usage')
		{
			my ($promotion) = grep { $_->{id} eq $step->{promotion} } @{ $case->{promotions} };
			($ok, $answer) = tried("SELECT promo.redeem('earlier', " . cart_of({ amount => $step->{budget_used}, code => $promotion->{code} }, $case->{currency}) . ')');
			push @wrong, "step $place: $answer" unless $ok;
		}
		elsif ($step->{op} eq 'void')
		{
			$node->safe_psql('postgres', 'SELECT promo.void(' . literal($step->{order}) . ", 'canceled')");
		}
		elsif ($step->{op} eq 'validate')
		{
			$answer = ask('SELECT promo.quote(' . cart_of($step, $case->{currency}) . ')');
			my ($refused) = grep { ($_->{code} // '') eq $step->{code} } @{ $answer->{rejected} };
			($ok, $answer) = (0, $refused->{reason}) if $refused;
		}
		else
		{
			($ok, $answer) = tried('SELECT promo.redeem(' . literal($step->{order}) . ', ' . cart_of($step, $case->{currency}) . ')');
		}
		next unless exists $step->{ok};
		push @wrong, "step $place: " . ($ok ? 'went through' : $answer) if !!$ok != !!$step->{ok};
		push @wrong, "step $place: $answer" if !$ok && $step->{reason} && $answer ne $step->{reason};
		push @wrong, "step $place: discount $answer->{discount_total}" if $ok && $step->{discount} && $answer->{discount_total} ne $step->{discount};
		push @wrong, "step $place: issued" if $ok && exists $step->{issued} && @{ $answer->{codes_issued} } != $step->{issued};
		push @wrong, "step $place: usable at once" if $ok && exists $step->{issued_usable_on_same_order} && $answer->{discount_total} > 0;
	}
	for my $promotion (sort keys %{ $case->{expect}{usage} // {} })
	{
		my $want = $case->{expect}{usage}{$promotion};
		my $have = ask('SELECT to_jsonb(u) FROM promo.promotion_usage u WHERE promotion = ' . literal($promotion));
		my $money = $have->{discounts}{ $case->{currency}{code} } // 0;
		push @wrong, "used $have->{used}" if exists $want->{total} && $have->{used} != $want->{total};
		push @wrong, "spent $money" if exists $want->{budget_used} && $money != $want->{budget_used};
	}
	for my $customer (sort keys %{ $case->{expect}{issued_after_confirm} // {} })
	{
		my $codes = $node->safe_psql('postgres', "SELECT count(*) FROM promo.coupon_code c JOIN promo.customer USING (customer_id)
			WHERE c.state = 'issued' AND shop_id = " . literal($customer));
		push @wrong, "$codes codes of $customer" if $codes != $case->{expect}{issued_after_confirm}{$customer};
	}
	return @wrong;
}

# What is wrong with a case of codes that are made
sub generate
{
	my ($case) = @_;
	my $request = $case->{request};
	my $form = join ', ', map { "$_ => " . literal($request->{$_}) } grep { defined $request->{$_} } qw(alphabet length prefix suffix);
	my @wrong;
	forget_all();
	$node->safe_psql('postgres', q{SELECT promo.define_promotion('{"name": "g", "needs_code": true, "actions": [{"type": "amount_off", "target": "order", "amount": 1}]}')});
	$node->safe_psql('postgres', "SELECT promo.generate_codes('g', $request->{existing}, $form, max_density => 1)") if $request->{existing};
	my $density = $request->{max_density} ? ", max_density => $request->{max_density}" : '';
	my ($result) = $node->psql('postgres', "SELECT promo.generate_codes('g', $request->{count}, $form$density)");
	push @wrong, $result ? 'refused' : 'not refused' if ($result == 0) != !!$case->{expect}{ok};
	my @codes = split /\n/, $node->safe_psql('postgres', 'SELECT code FROM promo.coupon_code');
	my %different = map { $_ => 1 } @codes;
	push @wrong, scalar(@codes) . ' codes' if @codes != $case->{expect}{codes_total};
	push @wrong, 'codes that are the same' if $case->{expect}{distinct} && keys %different != @codes;
	push @wrong, 'codes of another form' if $case->{expect}{pattern} && grep { $_ !~ /$case->{expect}{pattern}/ } @codes;
	return @wrong;
}

my %ran;
for my $case (@{ $content->{cases} })
{
	my $name = "$case->{id}: $case->{title}";
	if ($case->{kind} eq 'evaluate')
	{
		my %cart = (%{ $case->{cart} }, currency => $case->{currency});
		$cart{usage} = $case->{usage} if $case->{usage};
		my %policy = (%{ $content->{defaults} }, %{ $case->{policy} // {} });
		my $answer = ask('SELECT promo.price_cart('
			  . literal(\%cart) . ', ' . literal($case->{promotions}) . ', ' . literal(\%policy) . ')');
		my @wrong = grep { $_ ne 'line_tolerance' && !holds($_, $case->{expect}{$_}, $answer->{$_}, $case) } sort keys %{ $case->{expect} };
		ok(!@wrong, $name) or diag(map { "$_: wanted " . $json->encode($case->{expect}{$_}) . ', got ' . $json->encode($answer->{$_}) . "\n" } @wrong);
	}
	elsif ($case->{kind} eq 'allocate')
	{
		my $shares = ask('SELECT to_jsonb(promo.allocate('
			  . literal($case->{amount}) . ', ' . "'{" . join(',', @{ $case->{weights} }) . "}', $case->{currency}{exponent}))");
		my @want = @{ $case->{expect}{shares} };
		my @have = @$shares;
		if ($case->{expect}{any_order}) { @want = sort @want; @have = sort @have; }
		my $most = cents($case->{expect}{share_tolerance} // 0, 3);
		my @off = grep { abs(cents($want[$_], 3) - cents($have[$_], 3)) > $most } 0 .. $#want;
		ok(@want == @have && !@off, $name) or diag("wanted @want, got @have");
	}
	elsif ($case->{kind} eq 'lifecycle' || $case->{kind} eq 'generate')
	{
		my @wrong = $case->{kind} eq 'lifecycle' ? lifecycle($case) : generate($case);
		ok(!@wrong, $name) or diag(join "\n", @wrong);
	}
	else
	{
		fail("$name: there is no kind $case->{kind}");
	}
	$ran{ $case->{kind} }++;
}
is(join(' ', map { "$_ $ran{$_}" } sort keys %ran), 'allocate 3 evaluate 50 generate 2 lifecycle 4', 'all cases ran');

$node->stop;
done_testing();
