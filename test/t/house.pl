# What holds for every file and symbol of promo, now and later.
use strict;
use warnings;
use File::Find;
use Test::More;

my $build = $ENV{PROMO_BUILD} or plan skip_all => 'PROMO_BUILD is not set';
my (@plain, @scripts);

sub content
{
	my ($file) = @_;
	open my $handle, '<', $file or die "$file: $!";
	local $/;
	return <$handle>;
}

find(
	{
		no_chdir => 1,
		wanted => sub {
			push @scripts, $_ if /\.sql$/;
			push @plain, $_ if /\.[ch]$/ && !m{/pg_[^/]*$} && !m{/src/pg/} && !m{/src/promo\.[ch]$};
		}
	},
	"$build/src");

# Plain C could live in any program.
ok(@plain > 5, 'there is plain C');
my @server = grep { content($_) =~ /#include\s*["<](postgres|fmgr|funcapi|c|miscadmin|executor|utils|access|catalog|pg)[.\/]/ } @plain;
is("@server", '', 'no plain C file includes the server');

# What the library shows to the server's other libraries is ours by name.
my @symbols = map { (split)[2] } split /\n/, `nm -D --defined-only $build/promo.so`;
ok(@symbols > 2, 'the library exports symbols');
my @foreign = grep { !/^(promo_|pg_finfo_promo_|Pg_magic_func$|_PG_init$)/ } @symbols;
is("@foreign", '', 'every exported symbol is ours by name');

# Every function states its volatility and its parallel label, outside of
# its body.
my $functions = 0;
my @silent;
for my $script (@scripts)
{
	my $text = content($script);
	$text =~ s/--[^\n]*//g;
	$text =~ s/(\$\w*\$).*?\1/body/sg;
	$text =~ s/BEGIN ATOMIC.*?END;/body;/sg;
	while ($text =~ /CREATE\s+(FUNCTION|AGGREGATE)\s+(\w+)(.*?);/sg)
	{
		my ($what, $name, $rest) = ($1, $2, $3);
		$functions++;
		push @silent, "$name: volatility" if $what eq 'FUNCTION' && $rest !~ /\b(IMMUTABLE|STABLE|VOLATILE)\b/;
		push @silent, "$name: parallel label" if $rest !~ /\bPARALLEL\s*=?\s*(SAFE|UNSAFE|RESTRICTED)\b/i;
	}
}
ok($functions > 5, 'there are functions');
is(join(', ', @silent), '', 'every function states its volatility and parallel label');

my @adopting = grep { content($_) =~ /CREATE\s+OR\s+REPLACE|CREATE\s[^;(]*\sIF\s+NOT\s+EXISTS|ADD\s+COLUMN\s+IF\s+NOT\s+EXISTS/i } @scripts;
is("@adopting", '', 'no script adopts an object that somebody planted');

# Who lacks PostgreSQL's development files is told what to install.
like(`make -C $build PG_CONFIG=/no/such/pg_config 2>&1`, qr/apt-get install postgresql-server-dev-all/,
	'make says what to install');

done_testing();
