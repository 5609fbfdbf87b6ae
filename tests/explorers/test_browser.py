"""The explorers in a real browser, in JupyterLab and in Voila: Debian's chromium, clicked, slid and
typed into.

Screenshots are kept in build/screenshots/. Without chromium the tests are skipped; where
REGARD_BROWSER is "required", as in .ci/run, they fail.
"""

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from here import ROOT
from PIL import Image

from regard.experts import answer_table, reading_study, unit_survey
from regard.explorers import uploads

try:
    from playwright import sync_api as playwright
except ImportError:
    playwright = None

SCREENSHOTS = ROOT / "build" / "screenshots"
PATIENCE = (
    int(os.environ.get("REGARD_PATIENCE", 90)) * 1000
)  # ms: a kernel starts, torch is imported
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
)


def missing(reason: str):
    if os.environ.get("REGARD_BROWSER") == "required":
        pytest.fail(f"a browser test cannot run: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if path is None:
        missing("no chromium (Debian's package of that name)")
    if playwright is None:
        missing("no playwright (the group `test` of pyproject.toml)")
    with playwright.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(executable_path=path, args=[*QUIET, "--no-sandbox"])
        except playwright.Error as error:
            missing(f"chromium does not start ({str(error).splitlines()[0]})")
        playwright.expect.set_options(timeout=PATIENCE)
        yield opened
        opened.close()


@pytest.fixture
def page(browser, request):
    context = browser.new_context(viewport={"width": 1250, "height": 1000})
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    yield opened
    opened.screenshot(path=SCREENSHOTS / f"{request.node.name}.png", full_page=True)
    with contextlib.suppress(playwright.Error):  # JupyterLab asks before it goes
        opened.goto("about:blank")  # a Voila page that is left ends its kernel, of about a gigabyte
    context.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A project without results: explorers show the sample that ships."""
    place = tmp_path_factory.mktemp("place")
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    for name in ("dvc.yaml", "params.yaml", "voila.json"):
        shutil.copyfile(ROOT / name, place / name)
    return place


@contextlib.contextmanager
def served(place: Path, *command: str):
    """The address of a server of `place` that is started, and ended afterwards with all its
    kernels.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        f"JUPYTER_{kind}_DIR": str(place / ".jupyter" / kind)
        for kind in ("CONFIG", "RUNTIME", "DATA")
    }
    own |= {"JUPYTER_PATH": "", "IPYTHONDIR": str(place / ".ipython"), "PYTHONWARNINGS": "ignore"}
    log = place / f"{command[0]}.log"
    with open(log, "w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={port}", "--no-browser"],
            cwd=place,
            env=os.environ | own,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(PATIENCE // 250):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).close()
                break
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.25)
        else:
            pytest.fail(f"{command[0]} does not answer: {log.read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def lab(place, browser):
    settings = place / ".jupyter" / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    options = (
        "--ServerApp.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
        "--allow-root",
        "--ServerApp.root_dir=notebooks",
    )
    offline = (
        f"--LabApp.user_settings_dir={place / '.jupyter' / 'settings'}",
        "--LabApp.extension_manager=readonly",
    )
    with served(place, "jupyterlab", *options, *offline) as address:
        yield address


@pytest.fixture(scope="module")
def voila(place, browser):
    with served(place, "voila", "notebooks/explore", "--show_tracebacks=True") as address:
        yield address


def pictures(page) -> list[str]:
    return page.locator("img.widget-image").evaluate_all("all => all.map(one => one.src)")


def changes(page, act) -> float:
    """Do `act` and wait until the first picture is another one, loaded; returns how long that took,
    in milliseconds.
    """
    before = pictures(page)[0]
    page.evaluate("() => { window.begun = performance.now() }")
    act()
    seen = "before => { const one = document.querySelector('img.widget-image'); return one.src !== before && one.complete && one.naturalWidth > 0 }"
    page.wait_for_function(seen, arg=before)
    return page.evaluate("() => performance.now() - window.begun")


def slide(page, key: str = "ArrowRight", nth: int = 0):
    page.locator(".noUi-handle").nth(nth).press(key)


def says(page, text: str):
    """Wait until the explorer says `text`: words may reach the browser after the picture they
    belong to.
    """
    page.locator(".widget-html").filter(has_text=text).first.wait_for()


def heat_maps(page, place):
    changes(page, lambda: slide(page, "ArrowLeft"))
    changes(page, lambda: page.get_by_role("button", name="Next case").click())
    changes(page, lambda: page.get_by_label("Cases").select_option("misclassified"))
    changes(page, lambda: page.get_by_text("positive", exact=True).click())
    page.get_by_label("ones", exact=True).focus()
    changes(page, lambda: page.keyboard.press("Space"))
    cases = page.get_by_label("Cases")
    cases.focus()
    for key in (
        "Space",
        "ArrowUp",
        "Enter",
    ):  # an open list has the arrow keys, a closed one JupyterLab
        page.keyboard.press(key)
        page.wait_for_timeout(400)
    playwright.expect(cases).to_have_value("all")


def selection(page, place):
    changes(page, lambda: slide(page))  # the first rule has a slider that works
    changes(page, lambda: page.get_by_label("Rule").select_option("kmeans"))
    taken = [changes(page, lambda: slide(page)) for _ in range(2)]
    before = page.locator(".widget-html").last.inner_text()
    changes(page, lambda: page.get_by_label("Rule").select_option("top-area"))
    taken += [changes(page, lambda: slide(page)) for _ in range(5)]
    print(
        f"from key to picture: {np.median(taken):.0f} ms in the median, {max(taken):.0f} ms at most"
    )
    playwright.expect(page.locator(".widget-html").last).not_to_have_text(before)


def agreement(page, place):
    cells = page.get_by_role("button").filter(has_text="[")
    changes(page, lambda: cells.nth(4).press("Enter"))
    says(page, "maps of")
    page.get_by_label("Score").select_option("pointing game: maximum inside")
    page.get_by_text("peritumoral").first.wait_for()


def clusters(page, place):
    changes(page, lambda: page.get_by_role("button", name="Cluster 3", exact=True).click())
    says(page, "without cluster 3")
    changes(page, lambda: slide(page, nth=0))
    page.get_by_role("button", name="Cluster 16", exact=True).wait_for()
    changes(page, lambda: page.get_by_role("button", name="Next tile").press("Enter"))


def units(page, place):
    before = page.locator(".widget-html").first.inner_text()
    changes(page, lambda: page.get_by_role("button", name="Next unit").click())
    playwright.expect(page.locator(".widget-html").first).not_to_have_text(before)


def reading(page, place):
    assert page.get_by_role("button", name="Show the result").is_disabled()
    page.get_by_label("Rater").fill("tester")
    changes(page, lambda: page.get_by_label("Rater").press("Tab"))  # before that no map is shown
    page.get_by_role("button", name="4", exact=True).press("Enter")
    page.get_by_text("Saved map 1").wait_for()
    changes(page, lambda: page.get_by_role("button", name="Next map").press("Enter"))
    table = answer_table.read(
        place / "notebooks" / ".." / "surveys" / "chest-reading.csv", reading_study.FORM
    )
    assert table["rater"].tolist() == ["tester"] and table["plausibility"].tolist() == ["4"]
    assert not any(name in page.content() for name in ("lime@alam-2023: ", "shap@alam-2023: "))


def survey(page, place):
    assert page.get_by_label("Describe each of them").is_disabled()
    page.get_by_label("Rater").fill("tester")
    changes(page, lambda: page.get_by_label("Rater").press("Tab"))  # before that no unit is shown
    page.get_by_role("button", name="yes", exact=True).first.press("Enter")
    page.get_by_text("Saved unit_").wait_for()
    page.get_by_label("Describe each of them").press_sequentially("a bright rim")
    page.keyboard.press("Tab")
    changes(page, lambda: page.get_by_role("button", name="Next unit").press("Enter"))
    changes(page, lambda: page.get_by_role("button", name="Previous unit").press("Enter"))
    playwright.expect(page.get_by_label("Describe each of them")).to_have_value("a bright rim")
    assert unit_survey.read(place / "surveys" / "mammography.csv")["recognisable"].tolist() == [
        "yes"
    ]


def your_own_image(page, place):
    def upload(name: str, content: bytes):
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Upload a PNG or JPEG").click()
        chosen.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})

    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 130), dtype=np.uint8)).save(
        buffer, format="PNG"
    )
    changes(page, lambda: upload("mine.png", buffer.getvalue()))
    page.get_by_text("mine.png: the network predicts").wait_for()
    changes(page, lambda: page.get_by_label("Method").select_option("lrp-epsilon"))
    upload("letter.png", b"dear network, what do you see?")
    page.get_by_text("letter.png is damaged, or neither a PNG nor a JPEG").wait_for()
    upload("large.png", buffer.getvalue() + bytes(uploads.BYTES))
    page.get_by_text("large.png has 8.0 MB; at most 8 MB are taken").wait_for()


EXPLORERS = (heat_maps, selection, agreement, clusters, units, reading, survey, your_own_image)


@pytest.mark.parametrize("use", EXPLORERS, ids=lambda use: use.__name__)
def test_voila(voila, page, place, use):
    picture = SCREENSHOTS / f"{use.__name__}.png"  # as in notebooks/explore/pictures
    page.goto(f"{voila}/voila/render/{use.__name__}.ipynb")
    page.locator("img.widget-image").first.wait_for()
    page.locator(".widget-vbox").first.screenshot(path=picture)
    use(page, place)
    if use in (reading, survey):  # which show nothing before the rater is named
        page.locator(".widget-vbox").first.screenshot(path=picture)
    assert "Traceback" not in page.content()


@pytest.mark.parametrize("use", EXPLORERS, ids=lambda use: use.__name__)
def test_jupyterlab(lab, page, place, use):
    shutil.rmtree(place / "surveys", ignore_errors=True)
    page.goto(f"{lab}/lab/workspaces/{use.__name__}/tree/explore/{use.__name__}.ipynb?reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    choose = page.get_by_role("button", name="Select", exact=True)
    for _ in range(
        5
    ):  # asked to run before the kernel is there, JupyterLab asks which kernel, or forgets
        if choose.is_visible():
            choose.click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        with contextlib.suppress(playwright.TimeoutError):
            page.get_by_text("[1]:").wait_for(timeout=8000)
            break
    page.locator("img.widget-image").first.wait_for()
    use(page, place)
    assert "Traceback" not in page.locator(".jp-OutputArea").all_inner_texts().__str__()
    for kernel in page.request.get(
        f"{lab}/api/kernels"
    ).json():  # or eight of them stay, of about a gigabyte each
        assert page.request.delete(f"{lab}/api/kernels/{kernel['id']}").ok
