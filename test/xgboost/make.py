"""Trains the models of this folder with XGBoost, and writes what it predicts.

    python3 test/xgboost/make.py

needs Debian's python3-xgboost.  Each model is NAME.json, as save_model() wrote
it, and NAME.csv: the features, empty where one is missing, then predictions
and, in braces, what pred_contribs says each feature contributed to the margin,
the base last.
"""
import csv
import os

import numpy as np
import xgboost

HERE = os.path.dirname(os.path.abspath(__file__))
random = np.random.RandomState(1)


def write(name, x, y, rounds, options, shown=40, names=None):
    data = xgboost.DMatrix(x, y, feature_names=names)
    model = xgboost.train({"nthread": 1, "seed": 1, **options}, data, rounds)
    model.save_model(os.path.join(HERE, name + ".json"))
    few = xgboost.DMatrix(x[:shown], feature_names=names)
    predictions = model.predict(few).reshape(shown, -1)
    dart = options.get("booster") == "dart"
    contributions = None if dart else model.predict(few, pred_contribs=True).reshape(shown, -1, x.shape[1] + 1)
    with open(os.path.join(HERE, name + ".csv"), "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        for i in range(shown):
            out.writerow(["" if np.isnan(value) else repr(float(value)) for value in x[i]]
                         + ["{%s}" % ",".join(repr(float(p)) for p in predictions[i]),
                            "" if dart else "{%s}" % ",".join(repr(float(c)) for c in contributions[i].ravel())])


x = random.uniform(size=(1000, 3))
x[::7, 1] = np.nan
x[:, 2] = np.floor(x[:, 2] * 5)
score = 3 * np.sin(6 * x[:, 0]) + np.nan_to_num(x[:, 1]) * 2 + (x[:, 2] == 3)

# More different conditions on the first feature than a byte can tell
write("regression", x, score, 30, {"max_depth": 5, "tree_method": "exact"}, names=["first", "second", "third"])
# The same in one tree alone
write("deep", x[:, :1], random.normal(size=1000), 1, {"max_depth": 14, "tree_method": "exact", "min_child_weight": 0, "lambda": 0})
write("binary", x, (score > 2).astype(int), 10, {"objective": "binary:logistic", "max_depth": 3, "base_score": 0.3})
write("several", x, np.floor((score + 4) * 1.5).clip(0, 11).astype(int), 3,
      {"objective": "multi:softprob", "num_class": 12, "max_depth": 2})
write("two", x, (score > 2).astype(int), 5, {"objective": "multi:softprob", "num_class": 2, "max_depth": 2})
write("forest", x, score, 1, {"num_parallel_tree": 8, "subsample": 0.6, "eta": 1, "max_depth": 4})
write("dart", x, score, 8, {"booster": "dart", "rate_drop": 0.3, "max_depth": 3})
