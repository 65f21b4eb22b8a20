# Forests on real data are as good as scikit-learn's exact ones.
#
# The constants are what test/bench/forest printed for scikit-learn 1.2.1:
# RandomForestRegressor and RandomForestClassifier, 200 trees, at least 5 rows
# a leaf, a third or the root of the features for a split, categories one-hot;
# trained on the same four fifths of the rows, judged on the same fifth, mean
# of three seeds.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $data = ($ENV{PROMO_SHARED} // '') . '/data';
plan skip_all => 'the data sets are not there' unless -r "$data/california_housing.csv.gz";

my @sets = (
	{   name => 'California housing',
		file => 'california_housing',
		columns => 'longitude float8, latitude float8, housing_median_age float8, total_rooms float8,
			total_bedrooms float8, population float8, households float8, median_income float8,
			median_house_value float8',
		target => 'median_house_value',
		features => 'longitude, latitude, housing_median_age, total_rooms, total_bedrooms, population, households, median_income',
		metric => '(promo.regression_metrics(target, prediction)).r2',
		peer => 0.79115 },
	{   name => 'Bank Marketing',
		file => 'bank_marketing',
		columns => 'age int, job text, marital text, education text, "default" text, balance int,
			housing text, loan text, contact text, day int, month text, duration int, campaign int,
			pdays int, previous int, poutcome text, y text',
		target => "(y = 'yes')",
		features => 'age, job, marital, education, "default", balance, housing, loan, contact, day, month, campaign, pdays, previous, poutcome',
		metric => '(promo.classification_metrics(target, prediction)).roc_auc',
		peer => 0.79281 },
	{   name => 'Online Shoppers',
		file => 'online_shoppers',
		columns => 'administrative int, administrative_duration float8, informational int,
			informational_duration float8, product_related int, product_related_duration float8,
			bounce_rates float8, exit_rates float8, page_values float8, special_day float8,
			month text, operating_systems text, browser text, region text, traffic_type text,
			visitor_type text, weekend boolean, revenue boolean',
		target => 'revenue',
		features => 'administrative, administrative_duration, informational, informational_duration, product_related,
			product_related_duration, bounce_rates, exit_rates, page_values, special_day, month, operating_systems,
			browser, region, traffic_type, visitor_type, weekend',
		metric => '(promo.classification_metrics(target, prediction)).roc_auc',
		peer => 0.91893 });

my $node = PostgreSQL::Test::Cluster->new('shop');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION promo');

# A fifth of the lines is the test, as in test/bench/forest.py.
my $in_test = "('x' || substr(md5(line::text), 1, 8))::bit(32)::bigint % 5 = 0";

for my $set (@sets)
{
	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $set->{file} ($set->{columns}, line int GENERATED ALWAYS AS IDENTITY)});
	my $names = $node->safe_psql(
		'postgres', qq{
		SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = '$set->{file}'::regclass AND attnum > 0 AND attname <> 'line'});
	$node->safe_psql(
		'postgres', qq{
		COPY $set->{file} ($names) FROM PROGRAM 'gzip -dc $data/$set->{file}.csv.gz' WITH (FORMAT csv, HEADER true)});
	my $quality = $node->safe_psql(
		'postgres', qq{
		SELECT avg(quality) FROM generate_series(1, 3) seed, LATERAL (
			WITH model AS MATERIALIZED (
				SELECT promo.random_forest($set->{target}, f, jsonb_build_object('trees', 200, 'min_leaf', 5, 'seed', seed)) AS forest
				FROM $set->{file}, LATERAL (SELECT $set->{features}) f WHERE NOT ($in_test))
			SELECT $set->{metric} AS quality
			FROM (SELECT $set->{target} AS target, promo.predict((SELECT forest FROM model), f) AS prediction
				FROM $set->{file}, LATERAL (SELECT $set->{features}) f WHERE $in_test) p) q});
	note "$set->{name}: $quality, scikit-learn $set->{peer}";
	cmp_ok($quality, '>', $set->{peer} - 0.003, "$set->{name} within 0.003 of scikit-learn, or better");
}

$node->stop;
done_testing();
