"""Notices through the embedded SNS: a subscribed queue gets each of them once."""

from __future__ import annotations

import json

import pytest

from drill.announce import Announcer
from drill.core.notice import Notice
from drill.settings import Settings
from emulator.settings import ACCOUNT
from tests.aws.conftest import REGION

NOTICE = Notice(kind="verdict", about="drill-topic-1", subject="AEX drill PASS: drill-topic-1", text="Yes.\n")


@pytest.fixture
def queue(session, account):
    """A queue that is subscribed to the operations topic of the account's stacks."""
    sqs, sns = session.client("sqs", region_name=REGION), session.client("sns", region_name=REGION)
    url = sqs.create_queue(QueueName="notices")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (topic,) = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":aex-operations")]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return sqs, url


def test_a_subscribed_queue_gets_a_notice_once_however_often_it_is_announced(session, queue):
    sqs, url = queue
    settings = Settings(account=ACCOUNT)
    for _ in range(3):
        Announcer(settings, lambda region: session).announce([NOTICE])
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
    (envelope,) = [json.loads(message["Body"]) for message in got]
    assert (envelope["Subject"], envelope["Message"]) == (NOTICE.subject, NOTICE.text)
    assert envelope["MessageAttributes"]["kind"]["Value"] == "verdict"
