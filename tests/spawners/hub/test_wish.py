"""What a user may get is decided here, whatever the options say."""

from typing import Any

import pytest

from spawners.errors import Refused
from spawners.hub import wish
from spawners.hub.settings import make_cluster, read_offers
from spawners.offers import Limits, Offer, Terms

CPU = Offer("cpu", "Two cores", "here", Limits(2, 4096, hours=8))
GPU = Offer("gpu", "A GPU", "here", Limits(8, 65536, {"h100": 1}, hours=2))
SECRET = Offer("secret", "For others", "here", Limits(1, 64))
OFFERS = {offer.name: offer for offer in (CPU, GPU, SECRET)}
TERMS = Terms("ai", "AI foundations", ("gpu", "elsewhere", "cpu"), "student")


def test_no_options_are_the_first_offer_of_this_site_for_its_longest_time() -> None:
    assert wish.resolve({}, TERMS, OFFERS, "ai") == wish.Plan(GPU, 2, TERMS)


def test_a_wish_is_granted() -> None:
    assert wish.resolve({"offer": "cpu", "hours": 3}, TERMS, OFFERS, "ai") == wish.Plan(
        CPU, 3.0, TERMS
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"offer": "secret"}, "AI foundations does not offer 'secret'. Choose one of: gpu, cpu."),
        ({"offer": ["cpu"]}, "AI foundations does not offer '['cpu']'. Choose one of: gpu, cpu."),
        ({"offer": "gpu", "hours": 3}, "A GPU runs for at most 2 hours. Ask for fewer."),
        ({"hours": 0}, "The hours of a session are a number above 0."),
        ({"hours": float("nan")}, "The hours of a session are a number above 0."),
        ({"hours": True}, "The hours of a session are a number above 0."),
        ({"hours": "2; rm -rf ~"}, "The hours of a session are a number above 0."),
        (
            {"cmd": "sh -c id", "offer": "cpu"},
            "A session has no option 'cmd'; it has an offer and hours.",
        ),
    ],
)
def test_what_is_not_on_offer_is_refused_in_a_sentence(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        wish.resolve(options, TERMS, OFFERS, "ai")
    assert refused.value.sentence == sentence


@pytest.mark.parametrize(
    ("terms", "course", "sentence"),
    [
        (None, "", "A session belongs to a course: choose the course on the home page."),
        (
            None,
            "other",
            "You are not enrolled in a course called 'other'. Ask its instructor, or choose one "
            "of your courses on the home page.",
        ),
        (
            Terms("ai", "AI foundations", ("elsewhere",), "student"),
            "ai",
            "AI foundations has no offer at this site. Please tell the course's instructor.",
        ),
    ],
)
def test_without_terms_there_is_no_session(terms: Terms | None, course: str, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        wish.resolve({}, terms, OFFERS, course)
    assert refused.value.sentence == sentence


def test_the_form_gives_an_offer_and_hours() -> None:
    assert wish.from_form({"offer": ["cpu"], "hours": ["1.5"], "cmd": ["id"]}) == {
        "offer": "cpu",
        "hours": 1.5,
    }
    assert wish.from_form({"offer": ["cpu"], "hours": [""]}) == {"offer": "cpu"}
    with pytest.raises(Refused):
        wish.from_form({"hours": ["soon"]})


def test_offers_are_read_as_configured() -> None:
    configured = {
        "slice": {
            "title": "A slice",
            "cluster": "here",
            "gpus": {"1g.10gb": 1},
            "partition": "gpu",
            "cpus": 4,
            "memory_mb": 8192,
            "hours": 2,
        }
    }
    assert read_offers(configured, {"here": {}}) == {
        "slice": Offer(
            "slice", "A slice", "here", Limits(4, 8192, {"1g.10gb": 1}, hours=2), partition="gpu"
        )
    }


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"title": "T", "cluster": "here", "cpu": 2},
            "c.ClusterSpawner.offers: in the offer 'x', cpu: Extra inputs are not permitted.",
        ),
        (
            {"title": "T", "cluster": "here", "cpus": 0},
            "c.ClusterSpawner.offers: in the offer 'x', cpus: Input should be greater than or "
            "equal to 1.",
        ),
        (
            {"title": "T", "cluster": "moon"},
            "c.ClusterSpawner.offers: the offer 'x' names the cluster 'moon', which is not in "
            "c.ClusterSpawner.clusters (here).",
        ),
    ],
)
def test_a_wrong_offer_is_named_with_its_field(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match="offers") as error:
        read_offers({"x": fields}, {"here": {}})
    assert str(error.value) == sentence


def test_a_wrong_cluster_is_named() -> None:
    with pytest.raises(ValueError, match="type") as error:
        make_cluster("moon", {"type": "rocket"}, "hub")
    assert str(error.value) == (
        "c.ClusterSpawner.clusters: the cluster 'moon' has the type 'rocket'; "
        "there is local, slurm."
    )
    with pytest.raises(ValueError, match="colour"):
        make_cluster("here", {"type": "local", "root": "/tmp/x", "colour": "red"}, "hub")
