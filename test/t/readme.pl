# What README shows is true: each ```sql block runs, in order, in one
# database, and gives the ```text block after it, where there is one.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $build = $ENV{PROMO_BUILD} or plan skip_all => 'PROMO_BUILD is not set';

open my $handle, '<', "$build/README.md" or die "README.md: $!";
my $readme = do { local $/; <$handle> };
close $handle;

my $node = PostgreSQL::Test::Cluster->new('reader');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlc_messages = 'C'\n");
$node->start;

# Without blanks at the ends of lines, which an editor may strip.
sub tidy
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\A\n+|\n+\z//g;
	return $text;
}

my $blocks = 0;
while ($readme =~ /^```sql\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?/msg)
{
	my ($sql, $expected) = ($1, $2);
	my ($first) = $sql =~ /([^\n]*)/;
	my ($out, $err) = ('', '');
	$blocks++;
	IPC::Run::run([ 'psql', '-X', '-q', '-d', $node->connstr('postgres') ], '<', \$sql, '>', \$out, '2>', \$err);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	if (defined $expected)
	{
		is(tidy($out . $err), tidy($expected), "answer to: $first");
	}
	else
	{
		is($err, '', "runs: $first");
	}
}
ok($blocks >= 5, 'README shows queries');

$node->stop;
done_testing();
