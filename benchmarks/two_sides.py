"""Synthetic calls in two channels, in which a third of each side's words is simultaneous with the other side's.

flite synthesizes the speech and must be installed (`apt install flite`): another speaker for each side, at the sample
rate of a telephone. A small model finds 85 % of the words of espeak-ng's speakers, and 97 % of these.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import wave
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import av
import numpy as np

from .harness import Unavailable

RATE = 8000
SPEAKERS = {"caller": "slt", "agent": "rms"}
PAUSE = 0.6  # seconds between two turns
TURNS = 3  # of each side; the last one at once with the other's
SENTENCES = {
    "caller": [
        "Good morning, I would like to change the date of my flight.",
        "My name is Daniel Green, and I live near the old harbour.",
        "The letter says that my payment has not arrived.",
        "Could you please send me the invoice again by mail?",
        "I have been waiting for an answer since last Monday.",
        "The kitchen window was broken when the table arrived.",
        "We need a room with two beds and a view of the garden.",
        "Is it possible to bring a guitar into the cabin?",
        "My mother is ill, so we have to come back earlier.",
        "I paid with my credit card in the shop on Tuesday.",
        "The elevator in our building has stopped between two floors.",
        "Please tell me when the technician will be here.",
    ],
    "agent": [
        "Thank you for calling the travel office, how can I help you today?",
        "May I have the number that is written on your ticket?",
        "I can see your order here, it left the factory yesterday.",
        "The manager will call you back before the end of the week.",
        "There is a small charge for every change of the date.",
        "I am sorry to hear that, let me look for another solution.",
        "You will receive a message with all of the details.",
        "Our shop is open every day from nine in the morning.",
        "The doctor has a free appointment on Wednesday afternoon.",
        "Please keep the box until somebody comes to collect it.",
        "I have written down your address and your telephone number.",
        "Is there anything else that I can do for you?",
    ],
}


@dataclass(frozen=True)
class SyntheticCall:
    path: Path
    texts: dict[str, str]  # by side


def make_calls(folder: Path, count: int) -> list[SyntheticCall]:
    """Incoming calls, named as by an exchange, with the caller on the left channel. Raises `Unavailable`."""
    if not shutil.which("flite"):
        raise Unavailable("flite is not installed: apt install flite")
    folder.mkdir()
    return [_make_call(folder, number) for number in range(count)]


def _make_call(folder: Path, number: int) -> SyntheticCall:
    chance = random.Random(number)
    texts = {side: chance.sample(sentences, TURNS) for side, sentences in SENTENCES.items()}
    sounds = {
        side: [_synthesize(side, sentence, folder) for sentence in sentences] for side, sentences in texts.items()
    }
    pause = np.zeros(int(PAUSE * RATE), np.int16)
    sides: dict[str, list[Any]] = {side: [pause] for side in texts}
    for turn in range(TURNS):
        at_once = turn == TURNS - 1
        groups = [tuple(texts)] if at_once else [(side,) for side in texts]
        for speaking in groups:
            length = max(len(sounds[side][turn]) for side in speaking)
            for side, pieces in sides.items():
                sound = sounds[side][turn] if side in speaking else pause[:0]
                pieces += [sound, np.zeros(length - len(sound), np.int16), pause]
    channels = {side: np.concatenate(pieces) for side, pieces in sides.items()}
    path = folder / f"external-101-05000000{number:02}-20241105-1200{number:02}-{1730808000 + number}.{number}.wav"
    _write(path, channels["caller"], channels["agent"])
    return SyntheticCall(path, {side: " ".join(sentences) for side, sentences in texts.items()})


def _synthesize(side: str, sentence: str, folder: Path) -> Any:
    made = folder / "sentence.tmp"
    subprocess.run(["flite", "-voice", SPEAKERS[side], "-t", sentence, "-o", str(made)], check=True)
    resampler = av.AudioResampler(format="s16p", layout="mono", rate=RATE)
    with av.open(str(made)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    made.unlink()
    return np.concatenate([frame.to_ndarray()[0] for frame in frames + resampler.resample(None)])


def _write(path: Path, *channels: Any) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.stack(channels, axis=1).tobytes())


def split_words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def count_found_words(text: str, transcript: str) -> tuple[int, int]:
    """How many words of the spoken text are in the transcript, in their order, and how many it has."""
    wanted = split_words(text)
    matcher = SequenceMatcher(None, wanted, split_words(transcript), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()), len(wanted)
