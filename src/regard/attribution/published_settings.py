"""The settings of a published study, by method, for those methods whose settings it or its code
tells.

alam-2023: Alam et al., Nordic Machine Intelligence 2023 (chest X-ray), as in its code: LIME over
quickshift superpixels with 1000 masks, what is hidden being 0 as the network sees it; Kernel SHAP
over 50 SLIC superpixels (compactness 30, sigma 3) with 1000 masks, what is hidden being white,
superpixels chosen by the AIC (what the library of its day did unasked); Grad-CAM with guided
weights; LRP-epsilon with epsilon 1. Its defects are not among them: its Grad-CAM drew the map of
another class than it said, and began at one instead of zero; its SHAP network was fed pixels that
were not normalised. It explained probabilities; of a sigmoid a Grad-CAM differs from the logit's by
a positive factor alone, LIME and SHAP do not, and here they explain the logit as all methods do.
Its lrp.z and lrp.alpha_2_beta_1 have no settings (`lrp-z`, `lrp-alpha2beta1`), and which of its
rules made its tables it does not say.
"""

PRESETS: dict[str, dict[str, dict]] = {
    "alam-2023": {
        "lime": {"evaluations": 1000, "superpixels": "quickshift", "fill": 0.0},
        "shap": {
            "algorithm": "kernel",
            "evaluations": 1000,
            "superpixels": "slic",
            "fill": "white",
            "l1_reg": "aic",
        },
        "grad-cam": {"guided": True},
        "lrp-epsilon": {"epsilon": 1.0, "relative": False},
    }
}
