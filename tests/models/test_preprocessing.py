"""How pixels become network input: by hand, back again, and from what params.yaml says."""

import pytest
import torch
from torchvision.transforms import v2

from regard.attribution import METHODS, attribute
from regard.attribution.superpixels import hidden, pictures
from regard.evaluation.sanity import noisy
from regard.models import augmentation, backbones, preprocessing
from regard.models.preprocessing import IMAGENET, Preprocessing

XRAY = preprocessing.preprocessing(0, 1, [-1024, 1024])
GREY = torch.tensor([[[0, 51], [128, 255]]], dtype=torch.uint8)


def test_imagenet_is_what_torchvision_does():
    colour = torch.randint(
        0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    usual = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize(preprocessing.MEAN, preprocessing.STD)]
    )
    torch.testing.assert_close(backbones.inputs(colour.permute(0, 2, 3, 1)), usual(colour))


@pytest.mark.parametrize(
    "told, wanted",
    [
        (XRAY, [-1024.0, -614.4, 4.0156863, 1024.0]),
        (preprocessing.preprocessing(0.5, 0.25), [-2.0, -1.2, 0.0078431, 2.0]),
        (
            preprocessing.preprocessing([100, 100, 100], [50, 50, 50], [0, 255]),
            [-2.0, -0.98, 0.56, 3.1],
        ),
    ],
)
def test_the_input_of_a_grey_image_by_hand(told, wanted):
    model = backbones.build("resnet18", 2, width=0.0625, preprocessing=told)
    found = backbones.inputs(GREY, model)
    torch.testing.assert_close(found[0, 1].flatten(), torch.tensor(wanted), atol=1e-4, rtol=1e-6)
    assert torch.equal(found[0, 0], found[0, 2])
    torch.testing.assert_close(
        torch.from_numpy(pictures(found, model))[0, ..., 0],
        GREY[0].double() / 255,
        atol=1e-6,
        rtol=0,
    )
    ends = [told.of_level(level)[0].item() for level in (0, 1)]
    assert ends == pytest.approx([wanted[0], wanted[3]])
    whole = torch.zeros(2, 2, dtype=torch.int64)
    assert hidden(found[0], whole, "white", model).unique().item() == pytest.approx(
        wanted[3], rel=1e-6
    )


def test_a_stored_network_keeps_its_preprocessing(tmp_path):
    told = preprocessing.preprocessing([1, 2, 3], [4, 5, 6], [0, 255])
    model = backbones.build("resnet18", 2, width=0.0625, seed=1, preprocessing=told)
    backbones.write(
        model,
        tmp_path / "model.safetensors",
        name="resnet18",
        classes=["a", "b"],
        width=0.0625,
        pool="avg",
    )
    again, _ = backbones.read(tmp_path / "model.safetensors")
    assert again.preprocessing == told == Preprocessing((1, 2, 3), (4, 5, 6), 0, 255)
    assert (
        preprocessing.described({})
        == IMAGENET
        == preprocessing.of(None)
        == preprocessing.of(torch.nn.ReLU())
    )


@pytest.mark.parametrize("method", ["lime", "shap", "occlusion", "lrp-composite"])
def test_a_network_is_explained_alike_in_any_units(method):
    """The same network and image, once in units of ImageNet and once of raw pixels with the
    rescaling in the first layer: methods that hide pixels or bound them by black and white know the
    units."""
    torch.manual_seed(0)
    model = backbones.build("vgg16", 2, width=0.0625, seed=3)
    images = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    raw = backbones.build(
        "vgg16", 2, width=0.0625, seed=3, preprocessing=preprocessing.preprocessing(0, 0.5, [0, 1])
    )
    plain = preprocessing.preprocessing(0, 1, [0, 1])
    model.preprocessing = plain
    raw.features[0].weight.data *= 0.5
    more = {
        "lime": {"evaluations": 40, "fill": "white"},
        "shap": {"algorithm": "kernel", "evaluations": 40, "fill": "white"},
        "lrp-composite": {"first": "zbox"},
    }
    one, two = (
        attribute(each, backbones.inputs(images, each), [0, 1], method, **more.get(method, {}))
        for each in (model, raw)
    )
    if method in ("lime", "shap"):  # masks are drawn from the input's content, which differs
        assert one.shape == two.shape and torch.isfinite(two).all()
    else:
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-3)
    assert method in METHODS


@pytest.mark.parametrize(
    "said, message",
    [
        ({"mean": [1, 2]}, "one for each of the three colour channels"),
        ({"mean": "grey"}, "`mean` of a network's input must be"),
        ({"mean": [True, 1, 1]}, "`mean`"),
        ({"mean": float("nan")}, "`mean`"),
        ({"std": 0}, "`std` of a network's input must be above 0"),
        ({"std": [1, 1, -1]}, "above 0"),
        ({"range": [1, 0]}, "must rise from black to white"),
        ({"range": [0, float("inf")]}, "`range`"),
        ({"range": 1}, "two numbers"),
    ],
)
def test_what_is_no_preprocessing_is_refused(said, message):
    with pytest.raises(ValueError, match=message):
        preprocessing.preprocessing(**said)


@pytest.mark.parametrize(
    "told", [XRAY, preprocessing.preprocessing([100, 90, 80], [50, 60, 70], [0, 255])]
)
def test_noise_contrast_and_hidden_pixels_mean_the_same_for_every_network(told):
    """In colours from 0 to 1: the same grey hides pixels, the same noise is added, contrast changes
    about the same colour.
    """
    model, usual = torch.nn.Identity(), torch.nn.Identity()
    model.preprocessing = told
    colours = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    ours, theirs = told.normalised(colours), IMAGENET.normalised(colours)
    hidden = told.pictures(preprocessing.shade(model, ours).expand_as(ours))
    torch.testing.assert_close(
        hidden[0, :, 0, 0], torch.tensor(preprocessing.MEAN, dtype=torch.float64)
    )
    assert (
        not preprocessing.shade(usual, theirs).any()
        and (preprocessing.unit(usual, theirs) == 1).all()
    )
    spread = [
        (noisy(given, 0.05, model=each) - given).std()
        for given, each in ((ours, model), (theirs, usual))
    ]
    scale = preprocessing.unit(model, ours).flatten()
    torch.testing.assert_close(
        (noisy(ours, 0.05, model=model) - ours)[:, 1].std() / scale[1],
        spread[1],
        atol=0.01,
        rtol=0.3,
    )
    given = {"contrast": 0.5}
    one = augmentation.augment(ours.float(), torch.Generator().manual_seed(1), **given, taken=told)
    two = augmentation.augment(theirs.float(), torch.Generator().manual_seed(1), **given)
    torch.testing.assert_close(told.pictures(one), IMAGENET.pictures(two), atol=1e-4, rtol=1e-4)
    assert (
        preprocessing.shade(model, ours[:, :1], 0.25) == 0.25
        and preprocessing.unit(model, ours[:, :1]) == 1
    )
