"""Stage compare: heat maps and selected regions of a study against the expert's regions."""

from regard.pipeline.compare.answers import (
    at_the_border,
    beside_other_patients,
    between_groups,
    with_other_regions,
)
from regard.pipeline.compare.contrasts import (
    expert_ratings,
    hit_rate_differences,
    primary_differences,
)
from regard.pipeline.compare.hit_rates import (
    beside_the_paper,
    by_outcome,
    hit_rate_picture,
    hit_rates,
)
from regard.pipeline.compare.inputs import Inputs, overview, read
from regard.pipeline.compare.overlaps import (
    between_findings,
    over_parameters,
    overlaps,
    with_tuned_thresholds,
    without_empty_selections,
)
from regard.pipeline.compare.questions import QUESTIONS, Maxima, maxima
from regard.pipeline.compare.scoring import (
    check,
    paired_differences,
    score_cases,
    summarise,
    write,
    write_settings,
)
from regard.pipeline.compare.showing import Picture, show
from regard.pipeline.compare.trust import (
    agreement,
    examined,
    faithfulness,
    randomised,
    similarity,
    without_artefacts,
    without_regions,
)

__all__ = [
    "QUESTIONS",
    "Inputs",
    "Maxima",
    "Picture",
    "agreement",
    "at_the_border",
    "beside_other_patients",
    "beside_the_paper",
    "between_findings",
    "between_groups",
    "by_outcome",
    "check",
    "examined",
    "expert_ratings",
    "faithfulness",
    "hit_rate_differences",
    "hit_rate_picture",
    "hit_rates",
    "maxima",
    "over_parameters",
    "overlaps",
    "overview",
    "paired_differences",
    "primary_differences",
    "randomised",
    "read",
    "score_cases",
    "show",
    "similarity",
    "summarise",
    "with_other_regions",
    "with_tuned_thresholds",
    "without_artefacts",
    "without_empty_selections",
    "without_regions",
    "write",
    "write_settings",
]
