"""Several keys of one provider."""

from routing_world import World, refused
from tidegate.protocols.usage import Usage
from tidegate.routing import Outcome, RequestFacts, session_key

MORE = """
[providers.k]
kind = "openai_compatible"
base_url = "http://k.test/v1"
api_key = "sk-first-0123456789"
api_keys = ["sk-second-0123456789", "sk-third-0123456789"]
"""


class Keyed(World):
    def __init__(self) -> None:
        super().__init__(more=MORE, names="a")
        self.candidates = self.registry.resolve("k/m").candidates

    def key(self, **facts) -> str:
        credential = self.pick(**facts).credential
        assert credential is not None
        assert credential.header is not None
        return credential.header[1].decode().removeprefix("Bearer sk-").partition("-")[0]


def test_keys_are_used_in_turn_and_the_least_loaded_first() -> None:
    world = Keyed()
    seen = []
    for _ in range(4):
        seen.append(world.key())
        world.call("k")
    assert seen == ["first", "second", "third", "first"]
    held = world.begin("k")
    assert held.credential is not None
    assert world.key() != held.credential.name


def test_a_refused_key_rests_and_the_same_candidate_is_tried_with_the_next() -> None:
    world = Keyed()
    trial = world.call("k", refused(401))
    pick = world.router.next(world.plan(), [trial], RequestFacts(), world.now)
    assert pick is not None
    assert pick.blocked_by is None
    assert pick.credential is not trial.credential
    seen = []
    for _ in range(4):
        seen.append(world.key())
        world.call("k")
    assert seen == ["second", "third"] * 2


def test_a_key_whose_headers_say_that_it_is_used_up_comes_last() -> None:
    world = Keyed()
    headers = [(b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"30s")]
    world.call("k", Outcome(usage=Usage(input=1, output=1), headers=headers))
    world.call("k")
    world.call("k")
    assert world.key() == "second"
    world.now += 31
    assert world.key() == "first"


def test_a_conversation_keeps_its_key() -> None:
    world = Keyed()
    key = session_key("alice", session_id="s")
    facts = {"session": key, "input_tokens": 5000}
    usage = Outcome(usage=Usage(input=5000, cache_read=0, output=1))
    world.call("k", usage, **facts)
    world.call("k")
    assert world.key(**facts) == "first"
    assert world.key() == "third"
