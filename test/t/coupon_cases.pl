# The conformance cases of coupons that a cart alone decides (kinds evaluate
# and allocate) pass through SQL.  Where a case depends on a choice on which
# good systems differ, it names the policy, and that is the one it runs under.
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

my $ran = 0;
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
		$ran++;
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
		$ran++;
	}
}
cmp_ok($ran, '>=', 50, 'the cases ran');

$node->stop;
done_testing();
