"""Chapter 12: what is guessed before it is seen, and the questions at its end."""

from __future__ import annotations

from cpuwatch.exercises.exercise import Prediction, Question

PREDICTIONS = (
    Prediction(
        "12-committed",
        asks="49 rows are in the topic. How many of them does a consumer get that reads only what"
        " is committed?",
        explains="No checkpoint was made since the job began, so its transaction is open, and"
        " nothing in it counts yet.",
    ),
    Prediction(
        "12-again",
        asks="81 rows are in the topic, 32 of them written since the first savepoint. The job goes"
        " back to that, and does the same part again by the old statement, now with `dopey`. How"
        " many rows will the topic hold?",
        explains="What is committed stays: the 32 rows of the changed statement, and behind them 35"
        " new ones, for the same five windows.",
    ),
)

QUESTIONS = (
    Question(
        "A job is stopped with a savepoint. What becomes of a window that is open?",
        right=(
            "it is kept in the savepoint, with what it has so far",
            "And goes on with the readings that come after.",
        ),
        wrong=(
            (
                "it is written as it is",
                "Then its row would be wrong, and come a second time later.",
            ),
            (
                "it is lost, and its readings are read again",
                "The job goes on behind them: then they would be missing.",
            ),
            ("the job waits until it is over", "It would wait for readings that may never come."),
        ),
        at=2,
    ),
    Question(
        "A consumer reads uncommitted rows. What may it see that others never will?",
        right=(
            "rows of a transaction that is given up later",
            "The job dies, and makes them again in a new one.",
        ),
        wrong=(
            ("rows of other topics", "A topic is what it subscribes to."),
            ("the state of the job", "That is in the savepoint, and in no topic."),
            ("readings that are not sent yet", "Nobody sees those."),
        ),
        at=0,
    ),
    Question(
        "A job goes on from an older savepoint. Why do rows come twice?",
        right=(
            "what it wrote since was committed, and it does that part again",
            "Exactly-once holds along one line of savepoints. Here two lines part.",
        ),
        wrong=(
            ("Kafka has lost the offsets", "They are in the savepoint, as they were then."),
            ("the savepoint holds the rows", "It holds open windows; rows are in the topic."),
            ("two jobs run side by side", "The one before was stopped."),
        ),
        at=3,
    ),
    Question(
        "A change does not fit its savepoint. What do you do?",
        right=(
            "let the new statement begin beside the old one, and change over",
            "It reads the topic from its beginning; the old one goes on until then.",
        ),
        wrong=(
            ("change the savepoint's file", "It holds bytes that only that statement understands."),
            ("empty the topic of readings", "Then nobody could read them again."),
            (
                "stop the old one first, without a savepoint",
                "Then there is a gap, and no way back.",
            ),
        ),
        at=1,
    ),
)
