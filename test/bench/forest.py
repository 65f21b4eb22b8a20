"""Run by test/bench/forest, which starts the server."""
import gzip
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import psycopg2
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (HistGradientBoostingClassifier, HistGradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

SEEDS = [1, 2, 3]
TREES = 200
MIN_LEAF = 5

DATA = os.environ["PROMO_DATA"]

# The features of the made tables
LISTED = ", ".join("x%d" % (i + 1) for i in range(20))

# Name of the set, its file, columns with their types, target, columns that
# are left out.  The same tables are made by test/t/forest_quality.pl.
SETS = [
    ("California housing", "california_housing",
     "longitude float8, latitude float8, housing_median_age float8, total_rooms float8, total_bedrooms float8, "
     "population float8, households float8, median_income float8, median_house_value float8",
     "median_house_value", []),
    ("Bank Marketing", "bank_marketing",
     "age int, job text, marital text, education text, \"default\" text, balance int, housing text, loan text, "
     "contact text, day int, month text, duration int, campaign int, pdays int, previous int, poutcome text, y text",
     "y = 'yes'", ["duration", "y"]),
    ("Online Shoppers", "online_shoppers",
     "administrative int, administrative_duration float8, informational int, informational_duration float8, "
     "product_related int, product_related_duration float8, bounce_rates float8, exit_rates float8, page_values float8, "
     "special_day float8, month text, operating_systems text, browser text, region text, traffic_type text, "
     "visitor_type text, weekend boolean, revenue boolean",
     "revenue", ["revenue"]),
]

# A fifth of the rows, chosen by the number of the line, is the test.
IN_TEST = "('x' || substr(md5(line::text), 1, 8))::bit(32)::bigint % 5 = 0"


def connect():
    connection = psycopg2.connect("")
    connection.autocommit = True
    return connection


def cpu_of(pid):
    """CPU seconds of a backend so far"""
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(cursor, file, columns):
    cursor.execute("CREATE TABLE %s (line int GENERATED ALWAYS AS IDENTITY, %s)" % (file, columns))
    with gzip.open("%s/%s.csv.gz" % (DATA, file), "rt") as lines:
        names = ", ".join('"%s"' % name for name in next(lines).strip().split(","))
        cursor.copy_expert("COPY %s (%s) FROM STDIN WITH (FORMAT csv)" % (file, names), lines)


def quality_of(cursor, title, file, columns, target, left_out):
    load(cursor, file, columns)
    cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 1 ORDER BY attnum", (file,))
    names = [row[0] for row in cursor.fetchall()]
    is_class = target != "median_house_value"
    if not is_class:
        left_out = [target]
    names = [name for name in names if name not in left_out]
    listed = ", ".join('"%s"' % name for name in names)

    # scikit-learn, with categories one-hot
    frames = []
    for test in ("NOT ", ""):
        cursor.execute("SELECT (%s)::float8, %s FROM %s WHERE %s(%s) ORDER BY line"
                       % (("(%s)::int" % target) if is_class else target, listed, file, test, IN_TEST))
        frames.append(pd.DataFrame(cursor.fetchall(), columns=["target"] + names))
    both = pd.get_dummies(pd.concat([frame[names] for frame in frames])).astype(np.float32).values
    train, test = both[:len(frames[0])], both[len(frames[0]):]
    y_train, y_test = (frame["target"].values for frame in frames)
    theirs = []
    for seed in SEEDS:
        if is_class:
            peer = RandomForestClassifier(TREES, min_samples_leaf=MIN_LEAF, max_features="sqrt", random_state=seed)
            peer.fit(train, y_train.astype(int))
            theirs.append(roc_auc_score(y_test, peer.predict_proba(test)[:, 1]))
        else:
            peer = RandomForestRegressor(TREES, min_samples_leaf=MIN_LEAF, max_features=1 / 3, random_state=seed)
            peer.fit(train, y_train)
            theirs.append(r2_score(y_test, peer.predict(test)))

    # ours
    ours = []
    for seed in SEEDS:
        options = json.dumps({"trees": TREES, "min_leaf": MIN_LEAF, "seed": seed})
        metric = "(promo.classification_metrics(target, prediction)).roc_auc" if is_class \
            else "(promo.regression_metrics(target, prediction)).r2"
        cursor.execute("""
            WITH model AS MATERIALIZED (
                SELECT promo.random_forest(target, features, %%s) AS forest
                FROM (SELECT %(target)s AS target, f AS features
                      FROM %(file)s, LATERAL (SELECT %(listed)s OFFSET 0) f WHERE NOT (%(test)s)) t)
            SELECT %(metric)s
            FROM (SELECT %(target)s AS target, promo.predict((SELECT forest FROM model), f) AS prediction
                  FROM %(file)s, LATERAL (SELECT %(listed)s OFFSET 0) f WHERE %(test)s) t"""
                       % {"target": target, "file": file, "listed": listed, "test": IN_TEST.replace("%", "%%"), "metric": metric}, (options,))
        ours.append(cursor.fetchone()[0])
    a, b = np.mean(ours), np.mean(theirs)
    print("%-20s %-8s promo %.5f (%s)   scikit-learn %.5f (%s)   difference %+.5f"
          % (title, "ROC AUC" if is_class else "R2", a, " ".join("%.4f" % x for x in ours),
             b, " ".join("%.4f" % x for x in theirs), a - b), flush=True)


def quality():
    cursor = connect().cursor()
    print("quality: %d trees, min_leaf %d, mean of seeds %s, one fifth held out" % (TREES, MIN_LEAF, SEEDS))
    for data_set in SETS:
        quality_of(cursor, *data_set)


def linear_of(cursor, title, file, columns, target, left_out):
    cursor.execute("SELECT to_regclass(%s) IS NULL", (file,))
    if cursor.fetchone()[0]:
        load(cursor, file, columns)
    cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 1 ORDER BY attnum", (file,))
    names = [row[0] for row in cursor.fetchall() if row[0] not in left_out]
    listed = ", ".join('"%s"' % name for name in names)
    frames = []
    for test in ("NOT ", ""):
        cursor.execute("SELECT (%s)::int, %s FROM %s WHERE %s(%s) ORDER BY line" % (target, listed, file, test, IN_TEST))
        frames.append(pd.DataFrame(cursor.fetchall(), columns=["target"] + names))
    both = pd.get_dummies(pd.concat([frame[names] for frame in frames])).astype(float).values
    train, test = both[:len(frames[0])], both[len(frames[0]):]
    y_train, y_test = (frame["target"].values for frame in frames)
    pid = cursor.connection.get_backend_pid()
    for algorithm, peer in (
            ("logistic", LogisticRegression(max_iter=1000)),
            ("linear_svm", CalibratedClassifierCV(LinearSVC(dual=False, max_iter=10000), ensemble=False,
                                                  cv=StratifiedKFold(5, shuffle=True, random_state=1)))):
        began = time.process_time()
        pipeline = make_pipeline(StandardScaler(), peer).fit(train, y_train)
        their_time = time.process_time() - began
        shares = pipeline.predict_proba(test)[:, 1]
        theirs = roc_auc_score(y_test, shares), log_loss(y_test, shares)

        began = cpu_of(pid)
        cursor.execute("SELECT promo.train('linear', %s, 'target', %s)",
                       ("SELECT %s AS target, %s FROM %s WHERE NOT (%s)" % (target, listed, file, IN_TEST),
                        json.dumps({"algorithm": algorithm})))
        our_time = cpu_of(pid) - began
        cursor.execute("""
            SELECT (m).roc_auc, (m).log_loss
            FROM (SELECT promo.classification_metrics(%s, promo.predict('linear', f)) AS m
                  FROM %s, LATERAL (SELECT %s OFFSET 0) f WHERE %s) t""" % (target, file, listed, IN_TEST))
        ours = cursor.fetchone()
        print("%-20s %-10s ROC AUC promo %.5f   scikit-learn %.5f   difference %+.5f   log loss %.5f, %.5f   CPU s %.2f, %.2f"
              % ((title, algorithm, ours[0], theirs[0], ours[0] - theirs[0], ours[1], theirs[1], our_time, their_time)),
              flush=True)


def linear():
    cursor = connect().cursor()
    print("linear: standardized, categories one-hot, c 1, one fifth held out;"
          " CPU seconds of promo.train() as a whole, and of scikit-learn's fit alone")
    for data_set in SETS:
        if data_set[3] != "median_house_value":
            linear_of(cursor, *data_set)


def friedman(rows, seed):
    """Five features that tell, an interaction, a step, a product, a decoy that
    goes along with one of them, coarse features, noise: 20 in all."""
    random = np.random.RandomState(seed)
    x = random.uniform(size=(rows, 20))
    x[:, 5] = np.round(x[:, 5] * 100) / 100
    x[:, 6] = np.floor(x[:, 6] * 10) / 10
    x[:, 7] = 0.9 * x[:, 3] + 0.1 * x[:, 7]
    y = (10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
         + 3 * (x[:, 8] > 0.5) * (x[:, 9] > 0.5) + 2 * x[:, 10] * x[:, 5] + random.normal(size=rows))
    return x, y


def chances(score, seed):
    """12 percent are true, by a logit of the score."""
    return np.random.RandomState(seed).uniform(size=len(score)) < 1 / (1 + np.exp(-0.6 * (score - 20.5)))


def store(cursor, table, x, y):
    names = ["y"] + ["x%d" % (i + 1) for i in range(x.shape[1])]
    cursor.execute("CREATE TABLE %s (%s)" % (table, ", ".join(name + " float8" for name in names)))
    path = "/tmp/promo-forest-%d.csv" % os.getpid()
    np.savetxt(path, np.column_stack([y, x]), fmt="%.17g", delimiter=",")
    with open(path) as lines:
        cursor.copy_expert("COPY %s FROM STDIN WITH (FORMAT csv)" % table, lines)
    os.remove(path)
    cursor.execute("VACUUM ANALYZE %s" % table)


def speed_of(cursor, title, table, target, metric, options, peer, x, y, x_test, judge):
    pid = cursor.connection.get_backend_pid()

    began = cpu_of(pid)
    cursor.execute("""
        INSERT INTO model
        SELECT promo.random_forest(%s, f, %%s)
        FROM %s t, LATERAL (SELECT %s) f""" % (target, table, LISTED), (json.dumps(options),))
    ours = cpu_of(pid) - began
    began = time.process_time()
    peer.fit(x, y)
    theirs = time.process_time() - began

    cursor.execute("""
        SELECT %s FROM (
            SELECT %s AS target, promo.predict((SELECT forest FROM model), f) AS prediction
            FROM %s_test t, LATERAL (SELECT %s) f) p""" % (metric, target, table, LISTED))
    ours_quality = cursor.fetchone()[0]
    theirs_quality = judge(peer, x_test)
    cursor.execute("SELECT (promo.forest_info(forest)).* FROM model")
    info = dict(zip([column[0] for column in cursor.description], cursor.fetchone()))
    print("%s: promo %.2f s for the whole statement, scikit-learn %.2f s for fit alone: %.1f times"
          % (title, ours, theirs, theirs / ours))
    print("    quality %.4f, scikit-learn %.4f; %d trees, %d leaves a tree (scikit-learn %d), %.1f bytes a node, depth %d"
          % (ours_quality, theirs_quality, info["trees"], info["leaves"] / info["trees"],
             np.mean([tree.get_n_leaves() for tree in peer.estimators_]), info["bytes"] / info["nodes"], info["depth"]))

    # One row at a time, in one statement: the slope between two numbers of rows
    took = []
    for rows in (2000, 20000):
        best = None
        for _ in range(3):
            began = cpu_of(pid)
            cursor.execute("""
                SELECT sum(promo.predict((SELECT forest FROM model), f))
                FROM (SELECT * FROM %s_test LIMIT %d) t, LATERAL (SELECT %s) f""" % (table, rows, LISTED))
            cursor.fetchone()
            used = cpu_of(pid) - began
            best = used if best is None else min(best, used)
        took.append(best)
    print("    predict: %.1f microseconds a row" % ((took[1] - took[0]) / 18000 * 1e6), flush=True)
    cursor.execute("TRUNCATE model")


def speed():
    cursor = connect().cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS model (forest promo.forest)")
    cursor.execute("TRUNCATE model")
    print("speed: 100,000 rows, 20 features, 100 full trees, min_leaf 5, CPU seconds of one process")
    x, y = friedman(100000, 1)
    x_test, y_test = friedman(20000, 2)
    store(cursor, "numbers", x, y)
    store(cursor, "numbers_test", x_test, y_test)
    speed_of(cursor, "regression", "numbers", "y", "(promo.regression_metrics(target, prediction)).r2",
             {"trees": 100, "min_leaf": 5, "mtry": 6, "seed": 1},
             RandomForestRegressor(100, min_samples_leaf=5, max_features=6, random_state=1),
             x, y, x_test, lambda peer, test: r2_score(y_test, peer.predict(test)))

    c, c_test = chances(y, 3), chances(y_test, 4)
    store(cursor, "classes", x, c.astype(float))
    store(cursor, "classes_test", x_test, c_test.astype(float))
    speed_of(cursor, "classification", "classes", "y > 0", "(promo.classification_metrics(target, prediction)).roc_auc",
             {"trees": 100, "min_leaf": 5, "mtry": 4, "seed": 1},
             RandomForestClassifier(100, min_samples_leaf=5, max_features=4, random_state=1),
             x, c, x_test, lambda peer, test: roc_auc_score(c_test, peer.predict_proba(test)[:, 1]))


def classes():
    """Ten classes: tenths of the score"""
    cursor = connect().cursor()
    print("classes: ten, 100,000 rows, 20 features, 100 full trees, min_leaf 5, CPU seconds of one process")
    table, x, y, x_test, y_test = numbers(cursor)
    edges = np.quantile(y, np.arange(1, 10) / 10)
    of = "width_bucket(y, ARRAY[%s]::float8[])::text" % ", ".join("%.17g" % edge for edge in edges)
    pid = cursor.connection.get_backend_pid()
    began = cpu_of(pid)
    cursor.execute("CREATE TABLE IF NOT EXISTS model (forest promo.forest)")
    cursor.execute("TRUNCATE model")
    cursor.execute("INSERT INTO model SELECT promo.random_forest(%s, f, %%s) FROM %s t, LATERAL (SELECT %s) f" % (of, table, LISTED),
                   (json.dumps({"trees": 100, "min_leaf": 5, "mtry": 4, "seed": 1}),))
    ours = cpu_of(pid) - began
    cursor.execute("SELECT avg((promo.predict_class((SELECT forest FROM model), f) = %s)::int) FROM %s_test t, LATERAL (SELECT %s) f"
                   % (of, table, LISTED))
    accuracy = cursor.fetchone()[0]
    peer = RandomForestClassifier(100, min_samples_leaf=5, max_features=4, random_state=1)
    began = time.process_time()
    peer.fit(x, np.digitize(y, edges))
    theirs = time.process_time() - began
    print("promo %.2f s for the whole statement, scikit-learn %.2f s for fit alone: %.1f times; accuracy %.4f, scikit-learn %.4f"
          % (ours, theirs, theirs / ours, accuracy, np.mean(peer.predict(x_test) == np.digitize(y_test, edges))), flush=True)


def ours_of(cursor, table, target, options):
    """CPU seconds of the whole statement, and what the forest is like"""
    pid = cursor.connection.get_backend_pid()
    cursor.execute("CREATE TABLE IF NOT EXISTS model (forest promo.forest)")
    cursor.execute("TRUNCATE model")
    began = cpu_of(pid)
    cursor.execute("""
        INSERT INTO model
        SELECT promo.random_forest(%s, f, %%s)
        FROM %s t, LATERAL (SELECT %s) f""" % (target, table, LISTED), (json.dumps(options),))
    used = cpu_of(pid) - began
    cursor.execute("""
        SELECT (promo.regression_metrics(y, promo.predict((SELECT forest FROM model), f))).r2
        FROM %s_test t, LATERAL (SELECT %s) f""" % (table, LISTED))
    r2 = cursor.fetchone()[0]
    cursor.execute("SELECT (i).leaves / (i).trees FROM (SELECT promo.forest_info(forest) AS i FROM model) m")
    return used, r2, cursor.fetchone()[0]


def numbers(cursor, rows=100000):
    """The table of Friedman's score, made once, and its rows here"""
    table = "numbers_%d" % rows
    x, y = friedman(rows, 1)
    x_test, y_test = friedman(20000, 2)
    cursor.execute("SELECT to_regclass(%s) IS NULL", (table,))
    if cursor.fetchone()[0]:
        store(cursor, table, x, y)
        store(cursor, table + "_test", x_test, y_test)
    return table, x, y, x_test, y_test


def told(title, ours, peer, theirs, their_r2, their_leaves):
    print("%s: promo %.2f s for the whole statement, %s %.2f s for the fit alone: %.1f times"
          % (title, ours[0], peer, theirs, theirs / ours[0]))
    print("    R2 %.4f, %s %.4f; %d leaves a tree, %s %s" % (ours[1], peer, their_r2, ours[2], peer, their_leaves), flush=True)


RANGER = """
suppressMessages(library(ranger))
train <- read.csv("%(train)s", header = FALSE); test <- read.csv("%(test)s", header = FALSE)
x <- as.matrix(train[, -1]); colnames(x) <- paste0("x", 1:20); y <- train[, 1]
t <- as.matrix(test[, -1]); colnames(t) <- colnames(x)
began <- proc.time()
f <- ranger(x = x, y = y, num.trees = 100, mtry = 6, min.node.size = 12, num.threads = 1, seed = 1, verbose = FALSE)
used <- proc.time() - began
p <- predict(f, t, num.threads = 1)$predictions
leaves <- mean(sapply(f$forest$child.nodeIDs, function(n) sum(n[[1]] == 0)))
cat(used[["user.self"]] + used[["sys.self"]], 1 - sum((test[, 1] - p)^2) / sum((test[, 1] - mean(test[, 1]))^2), leaves, "\n")
"""


def ranger():
    cursor = connect().cursor()
    print("ranger: 100,000 rows, 20 features, 100 full trees; min.node.size 12 is what it splits at least, where our"
          " min_leaf 5 is what a leaf has at least")
    table, x, y, x_test, y_test = numbers(cursor)
    ours = ours_of(cursor, table, "y", {"trees": 100, "min_leaf": 5, "mtry": 6, "seed": 1})
    paths = {}
    for name, columns in (("train", (y, x)), ("test", (y_test, x_test))):
        paths[name] = "/tmp/promo-forest-%d-%s.csv" % (os.getpid(), name)
        np.savetxt(paths[name], np.column_stack(columns), fmt="%.17g", delimiter=",")
    answer = subprocess.run(["Rscript", "-e", RANGER % paths], capture_output=True, text=True)
    for path in paths.values():
        os.remove(path)
    if answer.returncode != 0:
        sys.exit(answer.stderr)
    used, r2, leaves = (float(word) for word in answer.stdout.split("\n")[-2].split())
    told("regression", ours, "ranger", used, r2, "%d" % leaves)


def xgboost_depth_12():
    import xgboost
    cursor = connect().cursor()
    print("XGBoost's random forest: 100,000 rows, 20 features, 100 trees of depth 12")
    table, x, y, x_test, y_test = numbers(cursor)
    ours = ours_of(cursor, table, "y", {"trees": 100, "max_depth": 12, "min_leaf": 5, "mtry": 6, "seed": 1})
    began = time.process_time()
    data = xgboost.DMatrix(x, y, nthread=1)
    peer = xgboost.train({"num_parallel_tree": 100, "max_depth": 12, "min_child_weight": 5, "subsample": 0.632,
                          "colsample_bynode": 0.3, "eta": 1, "lambda": 0, "tree_method": "hist", "nthread": 1, "seed": 1},
                         data, num_boost_round=1)
    used = time.process_time() - began
    r2 = r2_score(y_test, peer.predict(xgboost.DMatrix(x_test, nthread=1)))
    leaves = sum(tree.count("leaf=") for tree in peer.get_dump()) / 100
    told("regression", ours, "XGBoost", used, r2, "%d" % leaves)


def boosted_of(cursor, title, table, target, metric, peer, x, y, judge):
    pid = cursor.connection.get_backend_pid()
    began = cpu_of(pid)
    cursor.execute("SELECT promo.train('boosted', %s, 'target', %s)",
                   ("SELECT %s AS target, %s FROM %s" % (target, LISTED, table),
                    json.dumps({"algorithm": "boosted_trees", "workers": 0})))
    ours = cpu_of(pid) - began
    began = time.process_time()
    peer.fit(x, y)
    theirs = time.process_time() - began
    cursor.execute("SELECT %s FROM (SELECT %s AS target, promo.predict('boosted', t) AS prediction FROM %s_test t) p"
                   % (metric, target, table))
    our_quality, their_quality = cursor.fetchone()[0], judge(peer)
    print("%s: promo %.2f s for the whole statement, scikit-learn %.2f s for the fit alone: %.2f times as long"
          % (title, ours, theirs, ours / theirs))
    print("    quality %.4f, scikit-learn %.4f, difference %+.4f"
          % (our_quality, their_quality, our_quality - their_quality), flush=True)


def boosted():
    cursor = connect().cursor()
    print("boosted: 100,000 rows, 20 features, 100 trees of 31 leaves, CPU seconds of one process")
    table, x, y, x_test, y_test = numbers(cursor)
    options = {"early_stopping": False, "random_state": 1}
    boosted_of(cursor, "regression", table, "y", "(promo.regression_metrics(target, prediction)).r2",
               HistGradientBoostingRegressor(**options), x, y,
               lambda peer: r2_score(y_test, peer.predict(x_test)))
    c, c_test = chances(y, 3), chances(y_test, 4)
    store(cursor, "chances", x, c.astype(float))
    store(cursor, "chances_test", x_test, c_test.astype(float))
    boosted_of(cursor, "classification", "chances", "(y > 0)", "(promo.classification_metrics(target, prediction)).roc_auc",
               HistGradientBoostingClassifier(**options), x, c,
               lambda peer: roc_auc_score(c_test, peer.predict_proba(x_test)[:, 1]))


def million():
    cursor = connect().cursor()
    print("a million rows, 20 features, full trees; scikit-learn grows 4 of the 100, and its time is scaled")
    table, x, y, x_test, y_test = numbers(cursor, 1000000)
    ours = ours_of(cursor, table, "y", {"trees": 100, "min_leaf": 5, "mtry": 6, "seed": 1})
    peer = RandomForestRegressor(4, min_samples_leaf=5, max_features=6, random_state=1)
    began = time.process_time()
    peer.fit(x, y)
    used = (time.process_time() - began) * 25
    told("regression", ours, "scikit-learn", used, r2_score(y_test, peer.predict(x_test)),
         "%d" % np.mean([tree.get_n_leaves() for tree in peer.estimators_]))


def explain_cost(cursor, table, rows):
    """CPU milliseconds of an explained row, as the slope between two numbers of rows"""
    pid = cursor.connection.get_backend_pid()
    took = []
    for limit in (rows, 3 * rows):
        began = cpu_of(pid)
        cursor.execute("""
            SELECT count(*)
            FROM (SELECT * FROM %s_test LIMIT %d) t, LATERAL (SELECT %s) f,
                LATERAL promo.explain((SELECT forest FROM model), f) e""" % (table, limit, LISTED))
        cursor.fetchone()
        took.append(cpu_of(pid) - began)
    return (took[1] - took[0]) / (2 * rows) * 1000


def explain():
    """XGBoost's models on both sides, and a forest of our own"""
    import xgboost

    cursor = connect().cursor()
    print("explain: CPU milliseconds a row, 100 trees grown on 100,000 rows of 20 features")
    table, x, y, x_test, _ = numbers(cursor)
    names = ["x%d" % (i + 1) for i in range(20)]
    path = "/tmp/promo-explain-%d.json" % os.getpid()
    cursor.execute("CREATE TABLE IF NOT EXISTS model (forest promo.forest)")
    for depth, rows in ((6, 300), (12, 50)):
        peer = xgboost.train({"num_parallel_tree": 100, "max_depth": depth, "min_child_weight": 5, "subsample": 0.632,
                              "colsample_bynode": 0.3, "eta": 1, "lambda": 0, "tree_method": "hist", "nthread": 1},
                             xgboost.DMatrix(x, y, feature_names=names, nthread=1), 1)
        some = xgboost.DMatrix(x_test[:rows], feature_names=names, nthread=1)
        began = time.process_time()
        peer.predict(some, pred_contribs=True)
        used = (time.process_time() - began) / rows * 1000
        peer.save_model(path)
        with open(path) as file:
            cursor.execute("TRUNCATE model")
            cursor.execute("INSERT INTO model SELECT promo.forest_from_xgboost(%s)", (file.read(),))
        os.remove(path)
        cost = explain_cost(cursor, table, rows)
        print("the same trees of depth %d: promo %.2f, XGBoost's pred_contribs %.2f: %.1f times"
              % (depth, cost, used, used / cost), flush=True)
    _, _, leaves = ours_of(cursor, table, "y", {"trees": 100, "min_leaf": 5, "mtry": 6, "seed": 1})
    print("full trees of %d leaves: promo %.2f" % (leaves, explain_cost(cursor, table, 20)), flush=True)


def train_numbers(cursor, model, rows, options):
    """A model by name on the table of numbers"""
    table = numbers(cursor, rows)[0]
    cursor.execute("SELECT version FROM promo.train(%s, %s, 'y', %s)",
                   (model, "SELECT y, %s FROM %s" % (LISTED, table),
                    json.dumps(dict({"min_leaf": 5, "mtry": 6, "seed": 1}, **options))))
    return table


def serve():
    """Models by name: all rows in blocks, row by row, and the first row of a new connection"""
    cursor = connect().cursor()
    pid = cursor.connection.get_backend_pid()
    print("serve: models of 100 trees grown on 100,000 rows of 20 features; CPU of the backend, as the slope between"
          " 20,000 and 100,000 rows")

    def slope(query, arguments):
        took = []
        for rows in (20000, 100000):
            began = cpu_of(pid)
            cursor.execute(query, [word % rows if "%d" in word else word for word in arguments])
            took.append(cpu_of(pid) - began)
        return (took[1] - took[0]) / 80000

    for model, options in (("full", {"trees": 100}), ("depth12", {"trees": 100, "max_depth": 12}),
                           ("small", {"trees": 100, "max_depth": 12, "min_leaf": 20})):
        table = train_numbers(cursor, model, 100000, options)
        cursor.execute("SELECT bytes, (promo.forest_info(model)).leaves / 100 FROM promo.models WHERE model = %s", (model,))
        size, leaves = cursor.fetchone()
        some = "SELECT 1 AS k, " + LISTED + " FROM " + table + " LIMIT %d"
        scored = slope("SELECT count(prediction) FROM promo.score(%s, %s, 'k')", [model, some])
        predicted = slope("SELECT sum(promo.predict(%s, f)) FROM generate_series(1, 1) g,"
                          " LATERAL (SELECT " + LISTED + " FROM " + table + " LIMIT %s::int) f", [model, "%d"])
        first = []
        for _ in range(5):
            other = connect().cursor()
            began = time.perf_counter()
            other.execute("SELECT promo.predict(%%s, f) FROM (SELECT %s FROM %s LIMIT 1) f" % (LISTED, table), (model,))
            other.fetchone()
            first.append(time.perf_counter() - began)
            other.connection.close()
        print("%s (%d leaves a tree, %.0f MB): score %.0f rows a CPU second, the query's own cost included; predict %.1f"
              " microseconds a row; first in a new connection %.1f ms by the wall"
              % (model, leaves, size / 1e6, 1 / scored, predicted * 1e6, min(first) * 1000), flush=True)


class Watch(threading.Thread):
    """Watches what memory a backend, its workers and their shared segments take, and its temporary files"""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.cursor = connect().cursor()
        self.pid, self.going = pid, True
        self.memory = self.files = 0
        self.start()

    def run(self):
        while self.going:
            self.cursor.execute("SELECT array_agg(pid) FROM pg_stat_activity WHERE leader_pid = %s OR pid = %s",
                                (self.pid, self.pid))
            shared, own = {}, 0
            for pid in self.cursor.fetchone()[0] or []:
                try:
                    with open("/proc/%d/status" % pid) as status:
                        own += sum(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))
                    with open("/proc/%d/maps" % pid) as maps:
                        for line in maps:
                            if "/dev/shm/PostgreSQL" in line:
                                begin, end = (int(word, 16) for word in line.split()[0].split("-"))
                                shared[line.split()[5]] = end - begin
                except OSError:
                    pass
            self.memory = max(self.memory, own + sum(shared.values()))
            self.cursor.execute("SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_tmpdir()")
            self.files = max(self.files, self.cursor.fetchone()[0])
            time.sleep(0.05)

    def stop(self):
        self.going = False
        self.join()


def memory():
    cursor = connect().cursor()
    print("memory: a million rows of 20 features, 100 full trees; above shared buffers, all processes together")
    numbers(cursor, 1000000)
    base = None
    for workers in (0, 1, 2):
        other = connect().cursor()
        watch = Watch(other.connection.get_backend_pid())
        began = time.perf_counter()
        train_numbers(other, "large", 1000000, {"trees": 100, "workers": workers})
        wall = time.perf_counter() - began
        watch.stop()
        base = base or wall
        print("%d workers beside the session: %.0f MB, temporary files %.0f MB, %.1f s by the wall (%.2f times faster)"
              % (workers, watch.memory / 1e6, watch.files / 1e6, wall, base / wall), flush=True)
        other.connection.close()


PARTS = {
    "quality": quality,
    "linear": linear,
    "speed": speed,
    "classes": classes,
    "ranger": ranger,
    "xgboost": xgboost_depth_12,
    "boosted": boosted,
    "explain": explain,
    "million": million,
    "serve": serve,
    "memory": memory,
}
parts = sys.argv[1:] or list(PARTS)
for part in parts:
    if part not in PARTS:
        sys.exit("there is no part %s: %s" % (part, " ".join(PARTS)))
for part in parts:
    PARTS[part]()
