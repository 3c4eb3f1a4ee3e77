"""The stand-in answers slack-sdk's own client as Slack does."""

from __future__ import annotations

import http.client
import math
from typing import Any

import pytest
from slack_parts import CHANNEL_ID, LocalSlack, opened
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from cpuwatch.slack.notices import RollUp

pytest_plugins = ["slack_parts"]


@pytest.fixture
def client(local_slack: LocalSlack) -> WebClient:
    return WebClient(local_slack.secrets.token, base_url=local_slack.address)


def error_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_a_message_is_posted_updated_and_read_back(client: WebClient) -> None:
    metadata = {"event_type": "cpu_alert", "event_payload": {"id": "x"}}
    posted = client.chat_postMessage(channel="#cpu-alerts", text="one", metadata=metadata)
    assert posted["ok"] and posted["channel"] == CHANNEL_ID
    updated = client.chat_update(channel=CHANNEL_ID, ts=posted["ts"], text="two")
    assert updated["ts"] == posted["ts"]
    (plain,) = client.conversations_history(channel=CHANNEL_ID)["messages"]
    assert plain["text"] == "two" and "edited" in plain and "metadata" not in plain
    (whole,) = client.conversations_history(channel=CHANNEL_ID, include_all_metadata=True)[
        "messages"
    ]
    assert whole["metadata"] == metadata


def test_who_is_asked_and_what_channels_there_are(client: WebClient) -> None:
    assert client.auth_test()["team"] == "stand-in"
    names = {one["name"]: one["id"] for one in client.conversations_list()["channels"]}
    assert names["cpu-alerts"] == CHANNEL_ID


def test_history_comes_newest_first_and_page_by_page(client: WebClient) -> None:
    for number in range(5):
        client.chat_postMessage(channel="cpu-alerts", text=str(number))
    pages = client.conversations_history(channel=CHANNEL_ID, limit=2)
    assert [[one["text"] for one in page["messages"]] for page in pages] == [
        ["4", "3"],
        ["2", "1"],
        ["0"],
    ]


def test_errors_have_slacks_shape(client: WebClient, local_slack: LocalSlack) -> None:
    post, update = client.chat_postMessage, client.chat_update
    assert error_of(post, channel="nowhere", text="x") == "channel_not_found"
    assert error_of(post, channel="cpu-alerts", text="x" * 40_001) == "msg_too_long"
    assert error_of(post, channel="cpu-alerts", text="") == "no_text"
    assert error_of(update, channel=CHANNEL_ID, ts="1.0", text="x") == "message_not_found"
    assert error_of(client.conversations_history, channel="C0") == "channel_not_found"
    assert error_of(client.api_call, api_method="chat.nonsense") == "unknown_method"
    stranger = WebClient("xoxb-wrong", base_url=local_slack.address)
    assert error_of(stranger.auth_test) == "invalid_auth"
    nobody = WebClient(base_url=local_slack.address)
    assert error_of(nobody.auth_test) == "not_authed"


def test_blocks_have_slacks_limits(client: WebClient) -> None:
    def posted(**block: Any) -> None:
        client.chat_postMessage(
            channel="cpu-alerts", text="x", blocks=[{"type": "section", **block}]
        )

    def text(length: int) -> dict[str, str]:
        return {"type": "mrkdwn", "text": "x" * length}

    posted(text=text(3000), fields=[text(2000)] * 10)
    for block in ({"text": text(3001)}, {"fields": [text(2001)]}, {"fields": [text(1)] * 11}):
        assert error_of(posted, **block) == "invalid_blocks"


def test_the_longest_names_are_taken(local_slack: LocalSlack) -> None:
    rolled = RollUp()
    for number in range(40):
        notice = rolled.apply(opened("&" * 80, f"{number:02}" + "&" * 78))
    local_slack.channel().deliver(notice)
    assert "and 34 more" in local_slack.texts()[0]


def test_the_rate_limit_is_429_with_retry_after(client: WebClient, local_slack: LocalSlack) -> None:
    local_slack.control(pace=60.0, burst=2)
    for _ in range(2):
        client.chat_postMessage(channel="cpu-alerts", text="x")
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="cpu-alerts", text="x")
    response = caught.value.response
    assert response.status_code == 429 and response["error"] == "ratelimited"
    wait = response.headers.get("Retry-After") or response.headers["retry-after"]
    assert 0 < math.ceil(float(wait)) <= 60
    client.chat_postMessage(channel="general", text="another channel has its own")


def test_messages_outlive_a_killed_server_and_half_a_line(
    client: WebClient, local_slack: LocalSlack
) -> None:
    kept = client.chat_postMessage(channel="cpu-alerts", text="kept")
    local_slack.stop(kill=True)
    with (local_slack.folder / "messages.jsonl").open("ab") as file:
        file.write(b'{"kind":"message","mess')
    local_slack.start()
    assert local_slack.texts() == ["kept"]
    client.chat_update(channel=CHANNEL_ID, ts=kept["ts"], text="still there")
    local_slack.stop(kill=True)
    local_slack.start()
    assert local_slack.texts() == ["still there"]


def test_failures_are_switched_on_by_those_alone_who_know_the_secret(
    client: WebClient, local_slack: LocalSlack
) -> None:
    assert local_slack.ask("control", secret="guess", status=500)["error"] == "invalid_auth"
    token = local_slack.secrets.token
    assert local_slack.ask("control", secret=token, status=500)["error"] == "invalid_auth"
    assert local_slack.ask("control", nonsense=1)["error"] == "invalid_arguments"
    local_slack.control(refuse="is_archived", times=1)
    assert error_of(client.chat_postMessage, channel="cpu-alerts", text="x") == "is_archived"
    client.chat_postMessage(channel="cpu-alerts", text="x")
    local_slack.control(status=503)
    assert client.auth_test()["ok"], "the stack asks it whether the server is there"


def test_a_name_made_to_point_here_is_turned_away(local_slack: LocalSlack) -> None:
    for host, status in {"evil.example": 400, f"127.0.0.1:{local_slack.port}": 200}.items():
        connection = http.client.HTTPConnection("127.0.0.1", local_slack.port, timeout=10)
        connection.request("GET", "/", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Length": "7000000"}, 413),
        ({"Content-Length": "99999999999"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat.postMessage", "/control"])
def test_what_no_client_sends_is_refused_unread(
    local_slack: LocalSlack, path: str, headers: dict[str, str], status: int
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    connection = http.client.HTTPConnection("127.0.0.1", local_slack.port, timeout=10)
    connection.putrequest("POST", path)
    for name, value in {"Content-Length": "0", **headers}.items():
        if name != "Content-Length" or "Transfer-Encoding" not in headers:
            connection.putheader(name, value)
    connection.endheaders()  # and nothing of what was announced
    assert connection.getresponse().status == status
    connection.close()


def test_a_form_of_too_many_fields_has_none(local_slack: LocalSlack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", local_slack.port, timeout=10)
    form = f"token={local_slack.secrets.token}&" + 200 * "x=y&"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/api/auth.test", form, headers)
    assert b"not_authed" in connection.getresponse().read()
    connection.close()


def test_methods_that_there_are_not_are_not_counted(
    client: WebClient, local_slack: LocalSlack
) -> None:
    assert error_of(client.api_call, api_method="chat.nonsense") == "unknown_method"
    assert "chat.nonsense" not in local_slack.control()["calls"]


def test_the_page_may_load_nothing_from_elsewhere(local_slack: LocalSlack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", local_slack.port, timeout=10)
    connection.request("GET", "/")
    response = connection.getresponse()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert b"://" not in response.read()
    connection.close()


def test_its_secrets_and_messages_are_nobody_elses(
    client: WebClient, local_slack: LocalSlack
) -> None:
    client.chat_postMessage(channel="cpu-alerts", text="x")
    for name in ("secrets.json", "messages.jsonl"):
        assert (local_slack.folder / name).stat().st_mode & 0o077 == 0
    assert local_slack.secrets.token not in (local_slack.folder / "messages.jsonl").read_text()
