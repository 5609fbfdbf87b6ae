"""The columns of the tables that several modules share."""

# scores of cases: a row for each case, map, selection, region and score
CASE_SCORES = (
    "study",
    "data",
    "case",
    "patient",
    "split",
    "target",
    "target_role",
    "method",
    "selection",
    "setting",
    "region",
    "score",
    "value",
)

# summary.csv: means with intervals over patients; the first are what tells a row of scores from
# others
SCORE_KEYS = ["study", "data", "target_role", "method", "selection", "setting", "region", "score"]
SUMMARY = [
    "study",
    "data",
    "target",
    "target_role",
    "method",
    "selection",
    "setting",
    "region",
    "score",
    "stratum",
    "empty_rule",
    "mean",
    "ci_low",
    "ci_high",
    "n_cases",
    "n_patients",
    "n_undefined",
    "selected_area",
    "chance",
    "n_maps",
    "lift",
    "flagged",
    "profile",
]

# pairs.csv: paired differences
PAIRS = [
    "study",
    "data",
    "target",
    "target_role",
    "method",
    "selection",
    "setting",
    "region",
    "score",
    "stratum",
    "first",
    "second",
]
PAIRS += [
    "difference",
    "ci_low",
    "ci_high",
    "effect",
    "n_cases",
    "n_patients",
    "n_maps",
    "p",
    "p_holm",
    "family",
    "flagged",
    "profile",
]

# performance.csv: what a network achieves on the test patients
PERFORMANCE = [
    "target",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n_cases",
    "n_patients",
    "n_positive",
    "n_draws",
    "flagged",
]

# explanations.csv: what is explained
EXPLANATIONS = ["case", "patient", "target", "target_role", "label", "correct"]

# trust.csv: whether to believe the maps; the first are what tells a row from others
TRUST_KEYS = ["check", "method", "control", "measure", "level"]
TRUST = [
    "study",
    "data",
    "target_role",
    *TRUST_KEYS,
    "mean",
    "ci_low",
    "ci_high",
    "n_maps",
    "n_patients",
    "n_undefined",
    "profile",
]

# told.csv and concepts.csv: what is said of clusters of activations and of units, a row each, for
# the table of claims
CONCEPTS = [
    "study",
    "data",
    "target",
    "setting",
    "statistic",
    "value",
    "ci_low",
    "ci_high",
    "p_holm",
    "n_cases",
    "n_patients",
]
CONCEPTS += ["profile"]

# claims.csv: the papers' claims and what is found here
CLAIMS = [
    "claim",
    "paper",
    "paper_value",
    "study",
    "data",
    "target",
    "setting",
    "statistic",
    "rule",
    "value",
    "ci_low",
]
CLAIMS += [
    "ci_high",
    "p_holm",
    "chance",
    "n_cases",
    "n_patients",
    "flagged",
    "profile",
    "asked_by",
    "verdict",
]
