"""The rules behind `lesesal check`, without a site."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from spawners.errors import ClusterSilent, SubmitRefused
from spawners.jobs import Job, JobState, SessionKey
from spawners.offers import Limits, Offer
from spawners.overview import Count, Node, Overview, Reservation
from spawners.site import Booking, Finding, State, as_json, as_text, counts, machine, node, probe
from spawners.site.findings import failed, ok, skipped, warning
from spawners.site.hubconfig import Site
from spawners.site.room import fits, in_words, seats_on
from spawners.site.seats import seats
from spawners.site.sudo import Rule, breadth, command_of, parse_rules

LAUNCHER = ("/opt/hub/bin/python", "-I", "-m", "spawners.unix.launcher", "course-users")
VERSIONS = {"lesesal": "0.1.0", "jupyterhub": "6.1.1"}


def gpu_node(name: str, gpus: int = 4, *, up: bool = True) -> Node:
    return Node(
        name,
        ("gpu",),
        up,
        cpus=Count(0, 32),
        memory_mb=Count(0, 128_000),
        gpus={"h100": Count(0, gpus)},
        shards=Count(0, 8 * gpus),
        shards_of_one=Count(0, 8),
    )


OVERVIEW = Overview(
    nodes=(
        gpu_node("gpu1"),
        gpu_node("gpu2"),
        Node("cpu1", ("cpu", "old"), True, Count(0, 16), Count(0, 64_000)),
    ),
    default_partition="cpu",
    closed=frozenset({"old"}),
    reservations=(
        Reservation("class", False, 1000, 9000, 2, names=frozenset({"gpu1", "cpu1"})),
        Reservation("repair", True, 0, 90_000, 1, True, frozenset({"gpu2"})),
    ),
    at=500,
)


def an_offer(limits: Limits, partition: str = "gpu") -> Offer:
    return Offer("gpu", "A GPU", "olivia", limits, partition=partition)


ONE_GPU = an_offer(Limits(4, 16_000, {"h100": 1}))


class TestTelling:
    FINDINGS = (
        ok("nodes", "4 of 4 take jobs."),
        failed("answers", "nothing answers.", "Start it.", "connect: refused\nbye\n"),
    )

    def test_as_text(self) -> None:
        assert [as_text(each) for each in self.FINDINGS] == [
            "ok        nodes: 4 of 4 take jobs.",
            "failed    answers: nothing answers.\n"
            "          | connect: refused\n"
            "          | bye\n"
            "          -> Start it.",
        ]

    def test_as_json(self) -> None:
        assert json.loads(as_json(self.FINDINGS)) == {
            "findings": [
                {
                    "name": "nodes",
                    "state": "ok",
                    "sentence": "4 of 4 take jobs.",
                    "advice": "",
                    "detail": "",
                    "where": "",
                },
                {
                    "name": "answers",
                    "state": "failed",
                    "sentence": "nothing answers.",
                    "advice": "Start it.",
                    "detail": "connect: refused\nbye\n",
                    "where": "",
                },
            ],
            "counts": {"ok": 1, "warning": 0, "failed": 1, "skipped": 0},
        }

    def test_counts_of_nothing(self) -> None:
        assert counts([]) == {"ok": 0, "warning": 0, "failed": 0, "skipped": 0}


class TestSudo:
    # Recorded from sudo 1.9.13.
    LISTED = (
        "Matching Defaults entries for hub on host:\n"
        "    env_reset, mail_badpass, secure_path=/usr/sbin\\:/usr/bin, use_pty\n"
        "\n"
        "User hub may run the following commands on host:\n"
        "\n"
        "Sudoers entry:\n"
        "    RunAsUsers: %course-users, student1\n"
        "    Options: !authenticate\n"
        "    Commands:\n"
        "\t/opt/hub/bin/python -I -m spawners.unix.launcher course-users\n"
    )
    MORE = (
        "\n"
        "Sudoers entry:\n"
        "    RunAsUsers: ALL\n"
        "    RunAsGroups: ALL\n"
        "    Commands:\n"
        "\t/bin/ls a\\=b\n"
        "\t!/bin/cat\n"
    )
    # sudo 1.9.15 names the file.
    NEWER = LISTED.replace("Sudoers entry:", "Sudoers entry: /etc/sudoers.d/lesesal")

    @pytest.mark.parametrize("text", [LISTED, NEWER])
    def test_the_rule_of_the_documentation(self, text: str) -> None:
        rules = parse_rules(text)
        assert rules == [Rule(("%course-users", "student1"), (" ".join(LAUNCHER),))]
        assert breadth(rules, LAUNCHER).state is State.OK

    def test_a_rule_that_is_too_broad(self) -> None:
        rules = parse_rules(self.LISTED + self.MORE)
        assert rules[1] == Rule(("ALL",), ("/bin/ls a=b",))
        assert breadth(rules, LAUNCHER) == warning(
            "sudo",
            "the hub's account may run more than the launcher: /bin/ls a=b, and may run it as ALL.",
            "One rule is enough: ALL=(%course-users) NOPASSWD: " + " ".join(LAUNCHER),
        )

    def test_other_arguments_are_another_command(self) -> None:
        rules = [Rule(("%course-users",), (" ".join(LAUNCHER[:-1]) + " *",))]
        assert breadth(rules, LAUNCHER).state is State.WARNING

    def test_no_answer_is_no_rule(self) -> None:
        assert parse_rules("") == []

    def test_the_command_in_the_launcher(self) -> None:
        assert command_of(("/usr/bin/sudo", "-n", "-u", "{user}", "--", *LAUNCHER)) == LAUNCHER
        assert command_of(("ssh", "login", "--", *LAUNCHER)) is None
        assert command_of(()) is None


class TestRoom:
    @pytest.mark.parametrize(
        ("limits", "count"),
        [
            (Limits(4, 16_000), 8),
            (Limits(1, 64_000), 2),
            (Limits(4, 16_000, {"h100": 1}), 4),
            (Limits(4, 16_000, {"h100": 3}), 1),
            (Limits(4, 16_000, {"": 2}), 2),
            (Limits(4, 16_000, {"a100": 1}), 0),
            (Limits(1, 1_000, shards=3), 8),
            (Limits(1, 1_000, shards=9), 0),
            (Limits(64, 1_000), 0),
        ],
    )
    def test_seats_on_a_machine(self, limits: Limits, count: int) -> None:
        assert seats_on(gpu_node("gpu1"), limits) == count

    @pytest.mark.parametrize(
        ("offer", "finding"),
        [
            (ONE_GPU, None),
            (an_offer(Limits(1, 1_000), partition=""), None),
            (an_offer(Limits(1, 1_000), partition="gpu,old"), None),
            (
                an_offer(Limits(1, 1_000), partition="big"),
                failed(
                    "offer gpu",
                    "it names the partition big; the cluster has cpu, gpu, old.",
                    'Correct c.ClusterSpawner.offers["gpu"].',
                ),
            ),
            (
                an_offer(Limits(1, 1_000, {"a100": 1})),
                failed(
                    "offer gpu",
                    "no machine of the partition gpu has as many cores, as much memory and all the "
                    "GPUs that it asks for.",
                    "Correct c.ClusterSpawner.offers[\"gpu\"]; sinfo -N -o '%N %P %c %m %G' shows "
                    "what there is.",
                ),
            ),
            (
                an_offer(Limits(1, 1_000), partition="old"),
                warning(
                    "offer gpu",
                    "the partition old starts nothing now.",
                    "Open it: scontrol update PartitionName=old State=UP.",
                ),
            ),
        ],
    )
    def test_offers(self, offer: Offer, finding: Finding | None) -> None:
        assert fits(offer, OVERVIEW) == finding

    def test_in_words(self) -> None:
        assert [in_words(each) for each in (-5, 59, 61, 3600, 7200, 36 * 3600)] == [
            "at once",
            "at once",
            "in a minute or two",
            "in about 60 minutes",
            "in about 2 hours",
            "in about 2 days",
        ]


class TestSeats:
    @staticmethod
    def find(reservation: str = "class", people: int = 4, ends: float = 9000) -> Finding:
        return seats(
            Booking("optics", reservation, (ONE_GPU.name,), people, 2000, ends), ONE_GPU, OVERVIEW
        )

    def test_enough(self) -> None:
        assert self.find().state is State.OK

    def test_one_too_many(self) -> None:
        finding = self.find(people=5)
        assert finding.state is State.FAILED
        # Only what is in the offer's partition counts: the reservation's other machine is not.
        assert "the reservation class has 4 seats for A GPU, and the course 5 people." in (
            finding.sentence
        )

    @pytest.mark.parametrize(
        ("finding", "part"),
        [
            (find("gone"), "in the reservation gone, which the cluster does not have."),
            (find("repair"), "is one for maintenance, and keeps the class out."),
            (find(ends=9001), "and the reservation class from "),
        ],
    )
    def test_a_reservation_of_no_use(self, finding: Finding, part: str) -> None:
        assert finding.state is State.FAILED
        assert part in finding.sentence
        assert finding.advice

    def test_a_class_that_is_over(self) -> None:
        assert self.find(ends=400).state is State.SKIPPED


class TestMachine:
    def test_account(self) -> None:
        assert machine.account(1000, 1000).state is State.OK
        assert machine.account(1000, None).state is State.OK
        assert [machine.account(*each).state for each in ((0, 1000), (0, 0), (1000, 1001))] == [
            State.WARNING
        ] * 3

    def test_open_files(self) -> None:
        assert machine.open_files(-1, 0) == ok("open files", "no limit.")
        assert machine.open_files(1024, 57).state is State.OK
        assert machine.open_files(1024, 0) == warning(
            "open files",
            "1024 files may be open, enough for some 57 sessions in use at once, not 200.",
            "Raise the limit in the hub's service: LimitNOFILE=65536.",
        )

    @pytest.mark.parametrize(
        ("api_url", "listens", "elsewhere", "state"),
        [
            ("http://127.0.0.1:8081/hub/api", "127.0.0.1", False, State.OK),
            ("http://127.0.0.1:8081/hub/api", "", True, State.FAILED),
            ("http://localhost:8081/hub/api", "", True, State.FAILED),
            ("http://[::1]:8081/hub/api", "", True, State.FAILED),
            ("http://hub.example.org:8081/hub/api", "127.0.0.1", True, State.FAILED),
            ("http://hub.example.org:8081/hub/api", "", True, State.OK),
            ("http://hub.example.org:8081/hub/api", "0.0.0.0", True, State.OK),
        ],
    )
    def test_address(self, api_url: str, listens: str, elsewhere: bool, state: State) -> None:
        site = a_site(api_url=api_url, listens=listens)
        finding = machine.address(site, nodes_elsewhere=elsewhere)
        assert finding.state is state
        assert bool(finding.advice) is (state is State.FAILED)

    def test_files(self, tmp_path: Path) -> None:
        secret, shared = tmp_path / "secret", tmp_path / "shared"
        for path in (secret, shared):
            path.touch()
        secret.chmod(0o600)
        shared.chmod(0o644)
        tmp_path.chmod(0o755)
        found = {
            path: machine.private("secret", path, must_be=must_be).state
            for path, must_be in ((secret, True), (shared, False))
        }
        assert found == {secret: State.OK, shared: State.WARNING}
        assert machine.private("secret", shared, must_be=True).state is State.FAILED
        assert machine.private("new", tmp_path / "new").state is State.OK
        assert machine.private("new", tmp_path / "no" / "new").state is State.FAILED
        # Nobody else gets as far as the file.
        tmp_path.chmod(0o700)
        assert machine.private("secret", shared).state is State.OK

    def test_proxy(self, tmp_path: Path) -> None:
        program = tmp_path / "proxy"
        assert machine.proxy(a_site(proxy=())).state is State.SKIPPED
        assert machine.proxy(a_site(proxy=(str(program),))).state is State.FAILED
        program.touch(mode=0o755)
        assert machine.proxy(a_site(proxy=(str(program),))) == ok("proxy", f"{program} is there.")


def a_site(**fields: object) -> Site:
    known = {
        "hub_id": "uio",
        "clusters": {"olivia": {"type": "slurm"}, "here": {"type": "local"}},
        "offers": {},
        "account": None,
        "slurm_account": "",
        "cmd": ("/opt/session/python", "-m", "lesesal_notebook.session"),
        "api_url": "http://hub.example.org:8081/hub/api",
    }
    return Site(**{**known, **fields})  # type: ignore[arg-type]


class TestNode:
    LOG = (
        "Loading cuda/12\n"
        '{"fact": "python", "version": "3.11.2", "path": "/opt/session/python"}\n'
        "[1, 2]\n"
        '{"fact": "listening", "port": 40123}\n'
        '{"fact": "broken'
    )

    def test_facts_among_other_lines(self) -> None:
        facts = node.parse_facts(self.LOG)
        assert facts == [
            {"fact": "python", "version": "3.11.2", "path": "/opt/session/python"},
            {"fact": "listening", "port": 40123},
        ]
        assert node.first(facts, "listening") == facts[1]
        assert node.first(facts, "done") is None

    @pytest.mark.parametrize(
        ("offset", "state"),
        [(0.0, "ok"), (-1.9, "ok"), (2.5, "warning"), (-30, "warning"), (31, "failed")],
    )
    def test_clock(self, offset: float, state: str) -> None:
        assert node.clock(offset).state == state

    def test_which_clock_is_ahead(self) -> None:
        assert "is 40 s ahead of the hub's" in node.clock(40).sentence
        assert "is 40 s behind the hub's" in node.clock(-40).sentence

    @pytest.mark.parametrize(
        ("fields", "state", "part"),
        [
            ({}, "ok", "it reaches http://hub.example.org:8081/hub/api/ (10.0.0.1)."),
            ({"addresses": []}, "failed", "can't resolve the name in"),
            ({"status": None, "error": "timed out"}, "failed", "can't reach"),
            ({"status": 502}, "failed", "answers the node with HTTP status 502."),
            ({"status": None, "error": "SSL: CERTIFICATE_VERIFY_FAILED"}, "failed", "can't reach"),
        ],
    )
    def test_reach(self, fields: dict[str, object], state: str, part: str) -> None:
        finding = node.reach(self.REACHED | fields)
        assert finding.state == state
        assert part in finding.sentence
        assert bool(finding.advice) is (state != "ok")

    REACHED = {  # noqa: RUF012 - it is not changed
        "fact": "reach",
        "of": "hub",
        "url": "http://hub.example.org:8081/hub/api/",
        "addresses": ["10.0.0.1"],
        "status": 200,
        "error": "",
    }

    def test_a_hub_that_asks_for_a_certificate_is_reached(self) -> None:
        fact = self.REACHED | {"status": None, "error": "SSL: CERTIFICATE_VERIFY_FAILED"}
        assert node.reach(fact, internal_ssl=True).state is State.OK

    def test_all_facts_of_a_node_that_is_well_and_of_one_that_is_not(self) -> None:
        folder = {"fact": "folder", "of": "home", "path": "/home/kari", "error": ""}
        well = [
            self.REACHED,
            folder | {"free_mb": 2048},
            {"fact": "versions", **VERSIONS},
            {"fact": "imports", "seconds": 1.0, "compiled": 998, "modules": 1000, "error": ""},
        ]
        assert [each.state for each in node.findings(well, VERSIONS)] == [State.OK] * 4
        unwell = [
            {"fact": "settings", "error": "The session's files can't be read."},
            folder | {"free_mb": 500},
            folder | {"free_mb": 50},
            folder | {"free_mb": None, "error": "Disk quota exceeded"},
            {"fact": "versions", "lesesal": "0.2.0", "jupyterhub": "6.1.1"},
            {"fact": "versions", "lesesal": "0.1.0", "jupyterhub": "5.4.0"},
            {"fact": "imports", "seconds": 9.0, "compiled": 0, "modules": 1000, "error": ""},
            {"fact": "imports", "seconds": 60.0, "compiled": 999, "modules": 1000, "error": ""},
            {"fact": "imports", "seconds": None, "compiled": None, "error": "ImportError: libz"},
        ]
        found = list(node.findings(unwell, VERSIONS))
        assert [(each.name, each.state.value) for each in found] == [
            ("session's files", "failed"),
            ("home", "warning"),
            ("home", "failed"),
            ("home", "failed"),
            ("versions", "warning"),
            ("versions", "warning"),
            ("environment", "warning"),
            ("environment", "warning"),
            ("environment", "failed"),
        ]
        assert all(each.advice for each in found)


class TestProbe:
    def test_its_jobs_are_not_called_as_the_hubs_own(self) -> None:
        assert probe.hub_name("uio") == "uio.check"
        assert len(probe.hub_name("x" * 64)) == 64

    def test_it_takes_the_sessions_place_in_the_command(self) -> None:
        wrapped = ("apptainer", "exec", "x.sif", "python", "-m", "lesesal_notebook.session", "-v")
        assert probe.command(wrapped, "abc") == (
            *wrapped[:5],
            "lesesal_notebook.session.probe",
            "abc",
        )
        assert probe.command(("jupyterhub-singleuser",), "abc") is None

    @pytest.mark.parametrize(("cluster", "bind"), [("olivia", "0.0.0.0"), ("here", "127.0.0.1")])
    def test_the_job(self, cluster: str, bind: str) -> None:
        offer = Offer("cpu", "A core", cluster, probe.small(Limits(8, 64_000, {"h100": 1})))
        site = a_site(classroom_url="http://hub.example.org/services/classroom/")
        job = probe.spec(site, offer, "kari", 3, "abc")
        assert job.key == SessionKey("uio.check", "kari", "check-3")
        assert job.offer.limits == Limits(1, 1024, hours=0.1)
        assert job.environment == {
            "JUPYTERHUB_API_URL": "http://hub.example.org:8081/hub/api",
            "LESESAL_ATTEMPT": "1",
            "LESESAL_BIND": bind,
            "LESESAL_CLASSROOM_URL": "http://hub.example.org/services/classroom/",
            "LESESAL_ROLE": "student",
        }

    @staticmethod
    def start(**fields: object) -> Finding:
        report = probe.Report(job="7", **fields)  # type: ignore[arg-type]
        [finding, *_] = probe.findings(report, VERSIONS, wait=60)
        return finding

    @staticmethod
    def seen(state: JobState, **fields: object) -> Job:
        key = SessionKey("uio.check", "kari", "check-1")
        return Job("7", key, state, node="gpu1", **fields)  # type: ignore[arg-type]

    def test_how_it_may_not_start(self) -> None:
        running, ended = self.seen(JobState.RUNNING), self.seen(JobState.ENDED, exit_code=127)
        found = [
            self.start(problem=SubmitRefused("No such partition.", "sbatch: error: invalid")),
            self.start(problem=ClusterSilent("It is silent.", "timeout")),
            self.start(),
            self.start(seen=self.seen(JobState.WAITING, why="others are before you")),
            self.start(seen=running),
            self.start(seen=running, log="Loading cuda/12\n"),
            self.start(seen=ended),
            self.start(seen=ended, log="1\n2\n3\n4\n5\npython: not found\n"),
        ]
        assert [(each.state.value, each.sentence) for each in found] == [
            ("failed", "the cluster did not take a small job: No such partition."),
            ("failed", "the cluster stopped answering meanwhile."),
            ("failed", "job 7 was submitted, but squeue does not show it to this account."),
            (
                "warning",
                "job 7 did not start within 60 s: others are before you. No node was tried.",
            ),
            (
                "failed",
                "job 7 on gpu1 runs, but the log that it should write in the user's home is not "
                "seen here.",
            ),
            ("failed", "job 7 on gpu1 did not come to an end within 90 s."),
            (
                "failed",
                "job 7 on gpu1 ended, but the log that it should write in the user's home is not "
                "seen here.",
            ),
            ("failed", "job 7 on gpu1 ended with exit code 127 before it had tried all."),
        ]
        assert all(each.advice for each in found)
        assert found[-1].detail == "2\n3\n4\n5\npython: not found"

    def test_what_the_hub_could_not_reach_and_what_is_left(self) -> None:
        report = probe.Report(
            job="7",
            seen=self.seen(JobState.RUNNING),
            facts=[{"fact": "listening", "port": 1}, {"fact": "done"}],
            unreached="the name gpu1 does not resolve here",
            left=True,
        )
        assert [
            (each.name, each.state.value, each.sentence)
            for each in probe.findings(report, VERSIONS, wait=60)
        ] == [
            ("probe", "ok", "job 7 on gpu1 started."),
            (
                "hub to node",
                "failed",
                "the hub can't reach the session: the name gpu1 does not resolve here.",
            ),
            ("clean-up", "warning", "job 7 could not be ended."),
        ]

    @pytest.mark.parametrize("ahead", [0, 3600, -3600])
    async def test_a_slow_answer_says_nothing_of_the_clock(self, ahead: float) -> None:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told = {"nonce": "abc", "time": time.time() + ahead}
            await asyncio.sleep(0.3)
            writer.write(json.dumps(told).encode() + b"\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            offset = await probe._meet("127.0.0.1", port, "abc")
        assert offset == (pytest.approx(ahead, abs=60) if ahead else 0)

    def test_a_connection_that_was_not_tried(self) -> None:
        report = probe.Report(
            seen=self.seen(JobState.ENDED), facts=[{"fact": "listening", "port": 1}]
        )
        assert list(probe.findings(report, VERSIONS, wait=60))[1] == skipped(
            "hub to node", "the probe ended before it could be tried."
        )
