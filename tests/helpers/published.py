"""Small sets in the layouts that the readers know, in the readers' order; shared by the tests of
the readers.
"""

import published_breast  # noqa: F401 (each module adds its sets to EXAMPLES)
import published_chest  # noqa: F401
import published_folder  # noqa: F401
import published_histology  # noqa: F401
from small_sets import EXAMPLES, area, coloured, picture, put, put_dicom, ring, run_lengths

__all__ = ["EXAMPLES", "area", "coloured", "picture", "put", "put_dicom", "ring", "run_lengths"]
