"""The methods that have a peer in a library: equal to it on every backbone, and to the equation on
a small network.
"""

import lrp_by_hand as lrp
import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Occlusion
from lime.lime_image import LimeImageExplainer
from networks import BACKBONES, TARGETS, network
from scipy.ndimage import uniform_filter
from torch import nn

from regard.attribution import PRESETS, attribute
from regard.attribution.gradient import input_gradient
from regard.attribution.lime import coefficients
from regard.attribution.shap import logits_of
from regard.attribution.superpixels import hidden, hidden_by_mean, pictures, superpixels
from regard.core.seeds import drawn
from regard.kernels.evaluator import evaluator
from regard.kernels.masked_forward import masked_logits

ONE_OF_EACH = ("vgg19_bn", "vgg16", "resnet18", "densenet121", "squeezenet1_0")


@pytest.fixture(scope="module", params=BACKBONES)
def model(request):
    return network(request.param)


@pytest.fixture(scope="module", params=ONE_OF_EACH)
def one(request):
    return network(request.param)


@pytest.fixture(scope="module")
def images():
    """Smooth pictures, so that there are superpixels."""
    noise = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return nn.functional.interpolate(noise, (48, 48), mode="bicubic").contiguous()


def near(found, wanted, share=1e-5):
    found, wanted = torch.as_tensor(found).double(), torch.as_tensor(wanted).double()
    return (found - wanted).norm() <= share * wanted.norm()


def test_lrp_z_is_gradient_x_input(model, images):
    found = attribute(model, images, TARGETS, "lrp-z")
    assert near(found, (input_gradient(model, images, TARGETS) * images).sum(dim=1), 1e-6)
    assert near(found, attribute(model, images, TARGETS, "gradient-x-input"), 1e-6)


def test_integrated_gradients_equal_captum(model, images):
    wanted = (
        IntegratedGradients(model)
        .attribute(images, target=TARGETS, n_steps=24, method="gausslegendre")
        .sum(dim=1)
    )
    assert near(attribute(model, images, TARGETS, "integrated-gradients", steps=24), wanted)


def test_integrated_gradients_add_up_to_the_change_of_the_logit(images):
    model = network("vgg19_bn")
    found = (
        attribute(model, images, TARGETS, "integrated-gradients", steps=200)
        .double()
        .sum(dim=(1, 2))
    )
    with torch.no_grad():
        change = (model(images) - model(torch.zeros_like(images))).gather(1, TARGETS[:, None])[:, 0]
    assert torch.allclose(found, change, atol=0.02 * float(change.abs().max()))


@pytest.mark.parametrize(("window", "stride"), [(12, 12), (10, 7), (48, 48), (9, 4)])
def test_occlusion_equals_captum(one, images, window, stride):
    wanted = Occlusion(one).attribute(
        images, (3, window, window), strides=(3, stride, stride), target=TARGETS
    )[:, 0]
    found = attribute(one, images, TARGETS, "occlusion", window=window / 48, stride=stride / 48)
    assert near(found, wanted)


def test_occlusion_refuses_a_window_that_leaves_gaps(images):
    for window, stride in ((0.1, 0.2), (0, 0), (2, 0.1)):
        with pytest.raises(ValueError, match="stride <= window"):
            attribute(network("vgg16"), images, TARGETS, "occlusion", window=window, stride=stride)


def test_masked_logits_are_those_of_images_made_one_by_one(one, images):
    segments = torch.from_numpy(superpixels(pictures(images)[0]))
    hidden = hidden_by_mean(images[0], segments)
    masks = torch.rand(7, int(segments.max()) + 1, generator=torch.Generator().manual_seed(1)) > 0.5
    found = masked_logits(evaluator(one), images[0], hidden, segments, masks, 2, chunk=3)
    for mask, logit in zip(masks, found):
        made = hidden.clone()
        for segment in mask.nonzero().flatten():
            made[:, segments == segment] = images[0][:, segments == segment]
        with torch.no_grad():
            assert torch.allclose(one(made[None])[0, 2], logit, rtol=1e-9)
    for segment in segments.unique():
        inside = segments == segment
        assert torch.allclose(hidden[:, inside], images[0][:, inside].mean(dim=1, keepdim=True))


def test_lime_equals_the_library_for_the_same_masks(one, images):
    """The library draws its masks by itself; given those, the coefficients must be its own."""
    picture, count = pictures(images)[1], 60
    parts = superpixels(picture)
    seen = {}

    def classify(given):
        inputs = torch.from_numpy((given - np.array(MEAN)) / np.array(STD)).permute(0, 3, 1, 2)
        with torch.no_grad():
            return one(inputs).numpy()

    explainer = LimeImageExplainer(random_state=3)
    learn = explainer.base.explain_instance_with_data

    def spy(data, logits, distances, *arguments, **named):
        seen["masks"], seen["logits"] = data.astype(bool), logits[:, 2]
        return learn(data, logits, distances, *arguments, **named)

    explainer.base.explain_instance_with_data = spy
    said = explainer.explain_instance(
        picture,
        classify,
        labels=(2,),
        top_labels=None,
        num_samples=count,
        segmentation_fn=lambda image: parts,
    )
    wanted = np.zeros(parts.max() + 1)
    for segment, weight in said.local_exp[2]:
        wanted[segment] = weight
    segments = torch.from_numpy(parts)
    clipped = torch.from_numpy((picture - np.array(MEAN)) / np.array(STD)).permute(2, 0, 1)
    logits = masked_logits(
        evaluator(one),
        clipped,
        hidden_by_mean(clipped, segments),
        segments,
        torch.from_numpy(seen["masks"]),
        2,
    )
    assert np.allclose(logits, seen["logits"], rtol=1e-6)
    found = coefficients(seen["masks"], logits.numpy())
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_a_lime_map_is_the_library_s_with_the_same_seed(one, images):
    """Nothing given but the seed: superpixels, masks, kernel and regression are the library's."""
    image = pictures(images[1:2])  # what the library is shown lies between 0 and 1
    inputs = (
        torch.from_numpy((image - np.array(MEAN)) / np.array(STD)).permute(0, 3, 1, 2).contiguous()
    )

    def classify(given):
        with torch.no_grad():
            return one(
                torch.from_numpy((given - np.array(MEAN)) / np.array(STD)).permute(0, 3, 1, 2)
            ).numpy()

    explainer = LimeImageExplainer(random_state=drawn(0, inputs[0], "lime"))
    said = explainer.explain_instance(
        image[0], classify, labels=(2,), top_labels=None, num_samples=80
    )
    wanted = np.vectorize(dict(said.local_exp[2]).get)(said.segments)
    found = attribute(one, inputs, [2], "lime", evaluations=80)[0]
    assert np.abs(found.numpy() - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_superpixels_are_the_library_s_and_numbered_from_zero(images):
    from lime.wrappers.scikit_image import SegmentationAlgorithm

    picture = pictures(images)[0]
    wanted = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2)(picture)
    found = superpixels(picture)
    assert sorted(set(found.ravel())) == list(range(found.max() + 1)) and found.max() >= 2
    pairs = set(zip(found.ravel().tolist(), wanted.ravel().tolist()))
    assert len(pairs) == found.max() + 1 == len(np.unique(wanted))


def test_partition_shap_equals_the_library_and_adds_up(one, images):
    import shap

    model = one
    shown = images[0].permute(1, 2, 0).float().numpy()
    hidden = uniform_filter(shown, size=(8, 8, 1), mode="mirror")

    def plain(given):
        with torch.no_grad():
            return model(torch.from_numpy(given).double().permute(0, 3, 1, 2).contiguous())[
                :, 0
            ].numpy()

    explainer = shap.PartitionExplainer(plain, shap.maskers.Image(hidden, shown.shape))
    wanted = (
        explainer(shown[None], max_evals=80, batch_size=64, silent=True)
        .values[0]
        .reshape(48, 48, 3)
        .sum(axis=2)
    )
    found = attribute(model, images[:1], TARGETS[:1], "shap", evaluations=80)[0]
    assert near(found, wanted, 1e-4)
    change = plain(shown[None]) - plain(hidden[None])
    assert found.sum().item() == pytest.approx(change[0], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "l1_reg"), [("quickshift", False), ("slic", False), ("slic", "aic")]
)
def test_kernel_shap_equals_the_library_over_the_same_superpixels(one, images, kind, l1_reg):
    import shap

    model = one
    parts = superpixels(pictures(images[:1])[0], kind)
    segments = torch.from_numpy(parts)
    hidden = hidden_by_mean(images[0], segments)

    def plain(masks):
        made = torch.where(torch.from_numpy(masks > 0.5)[:, segments][:, None], images[0], hidden)
        with torch.no_grad():
            return model(made)[:, 0].numpy()

    count = parts.max() + 1
    np.random.seed(drawn(0, images[0], "shap"))
    wanted = shap.KernelExplainer(plain, np.zeros((1, count))).shap_values(
        np.ones((1, count)), nsamples=300, l1_reg=l1_reg, silent=True
    )
    wanted = np.asarray(wanted).ravel()
    settings = {"algorithm": "kernel", "evaluations": 300, "superpixels": kind, "l1_reg": l1_reg}
    assert near(
        attribute(model, images[:1], TARGETS[:1], "shap", **settings)[0], wanted[parts], 1e-6
    )
    if kind == "slic" and not l1_reg:
        assert (wanted != 0).sum() > 10, (
            "no more than ten are allowed a value by the library's default"
        )


def test_gradient_shap_adds_up_and_leaves_numpy_s_random_numbers_alone(one, images):
    """Expected gradients between one baseline and the image tend to integrated gradients, which add
    up to the change.
    """
    from regard.attribution.shap import blurred

    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    found = attribute(one, images[:1], [1], "shap", algorithm="gradient", evaluations=400)[0]
    assert np.array_equal(before, np.random.get_state()[1])
    hidden = torch.from_numpy(blurred(images[0], 8)).permute(2, 0, 1)[None].double()
    with torch.no_grad():
        change = (one(images[:1]) - one(hidden))[0, 1].item()
        scale = abs(one(images[:1])[0, 1].item())
    assert found.sum().item() == pytest.approx(change, abs=0.1 * abs(change) + 0.02 * scale)


def test_the_preset_of_a_study_is_what_its_code_sets(images):
    """Guided Grad-CAM from its own equation, white behind Kernel SHAP's superpixels, about fifty of
    them.
    """
    model = network("densenet121")
    activations = model.features(images).detach().requires_grad_()
    logits = model.head(model.flatten(model.pool(activations))).gather(1, TARGETS[:, None]).sum()
    (gradient,) = torch.autograd.grad(logits, activations)
    guided = (activations > 0) * (gradient > 0) * gradient
    wanted = (guided.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1).detach()
    wanted = nn.functional.interpolate(wanted[:, None], (48, 48), mode="bilinear")[:, 0]
    assert near(
        attribute(model, images, TARGETS, "grad-cam", **PRESETS["alam-2023"]["grad-cam"]), wanted
    )
    large = nn.functional.interpolate(images[:1], (160, 160), mode="bicubic")
    assert 30 <= superpixels(pictures(large)[0], "slic").max() + 1 <= 70
    white = hidden(images[0], torch.zeros(48, 48, dtype=torch.int64), "white")
    assert (
        np.allclose(pictures(white[None]), 1)
        and (hidden(images[0], torch.zeros(48, 48, dtype=torch.int64), 0.0) == 0).all()
    )


def test_the_library_s_masks_are_answered_in_chunks(one, images):
    shown, hidden = (image.permute(1, 2, 0).numpy() for image in images[:2])
    masks = np.random.default_rng(0).random((5, shown.size)) > 0.5
    made = np.where(masks.reshape(5, *shown.shape), shown, hidden)
    with torch.no_grad():
        wanted = one(torch.from_numpy(made).permute(0, 3, 1, 2))[:, 1].numpy()
    assert np.allclose(
        logits_of(evaluator(one), shown, hidden, 1, chunk=3)(masks), wanted, rtol=1e-9
    )


def alpha_beta(given, weight, bias, relevance, alpha, beta):
    """Bach et al. 2015, eq. 60, written with explicit matrices for a dense layer."""
    contributions = given[:, None, :] * weight[None]
    positive, negative = contributions.clamp(min=0), contributions.clamp(max=0)

    def share(part, offset):
        return part / (part.sum(dim=2) + offset)[:, :, None]

    shares = alpha * share(positive, bias.clamp(min=0)) - beta * share(negative, bias.clamp(max=0))
    return (shares.nan_to_num() * relevance[:, :, None]).sum(dim=1)


def test_alpha2beta1_equals_the_equation():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    model = (
        nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3)).double().eval()
    )
    for parameter in model.parameters():
        parameter.data = draw(*parameter.shape)
    images = draw(4, 3, 2, 2)
    first, second = model[1], model[3]
    hidden = model[2](first(images.flatten(1))).detach()
    logits = second(hidden).detach()
    start = torch.zeros_like(logits).scatter(
        1, TARGETS[:, None], logits.gather(1, TARGETS[:, None])
    )
    carried = alpha_beta(hidden, second.weight.data, second.bias.data, start, 2, 1)
    carried = alpha_beta(images.flatten(1), first.weight.data, first.bias.data, carried, 2, 1)
    assert near(
        attribute(model, images, TARGETS, "lrp-alpha2beta1"),
        carried.view(4, 3, 2, 2).sum(dim=1),
        1e-4,
    )


TINY = 1e-6  # epsilon of dense layers and batch norm in both methods
RULES = {
    "lrp-alpha2beta1": ({}, {"conv": lrp.alpha_beta(2, 1), "dense": lrp.alpha_beta(2, 1)}),
    "lrp-composite": (
        {},
        {"conv": lrp.alpha_beta(1, 0), "dense": lrp.epsilon(TINY), "first": lrp.flat},
    ),
    "lrp-composite, gamma": (
        {"convolution": "gamma"},
        {"conv": lrp.gamma(0.25), "dense": lrp.epsilon(TINY), "first": lrp.flat},
    ),
    "lrp-composite, z^B": (
        {"first": "zbox"},
        {"conv": lrp.alpha_beta(1, 0), "dense": lrp.epsilon(TINY), "first": lrp.z_box},
    ),
    "lrp-z": ({}, {"conv": lrp.epsilon(1e-12), "dense": lrp.epsilon(1e-12), "norm": 1e-12}),
    "lrp-epsilon": (
        {"epsilon": 0.1},
        {"conv": lrp.epsilon(0.1), "dense": lrp.epsilon(0.1), "norm": 0.1},
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_lrp_equals_the_equations_layer_by_layer(model, images, name):
    """On every backbone, with biases and batch norm, against code that is neither the kernel's nor
    zennit's.
    """
    parameters, rules = RULES[name]
    wanted = lrp.by_hand(model, images, TARGETS, **({"norm": TINY} | rules)).sum(dim=1)
    assert (
        near(attribute(model, images, TARGETS, name.split(",")[0], **parameters), wanted, 1e-5)
        and wanted.any()
    )


def test_unknown_settings_are_refused(images):
    model = network("vgg16")
    for method, settings, message in (
        ("lrp-composite", {"convolution": "w2"}, "'w2'.*z., gamma"),
        ("lrp-composite", {"first": "none"}, "'none'.*flat, zbox"),
        ("shap", {"algorithm": "deep"}, "'deep'.*partition, kernel, gradient"),
        ("lime", {"precision": "half"}, "'half'.*float32, bfloat16"),
        ("integrated-gradients", {"steps": 0}, "steps must be positive"),
        ("lime", {"superpixels": "squares"}, "'squares'.*quickshift, slic"),
        ("lime", {"fill": "grey"}, "'grey'.*mean, white, black"),
    ):
        with pytest.raises(ValueError, match=message):
            attribute(model, images, TARGETS, method, **settings)
