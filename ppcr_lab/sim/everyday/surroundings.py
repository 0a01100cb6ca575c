"""Surroundings without a name: the table, the room behind it, things that nobody asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.everyday.colours import any_colour, hsv
from ppcr_lab.sim.objects import Float3

Rng = np.random.Generator
SURFACES = 48
"""How many patterns for table, floor and walls the renderer keeps ready."""
PRINTS = 24
"""How many prints the renderer keeps ready for `Piece.surface`: ``print0`` to ``print23``."""


@dataclass(frozen=True)
class Piece:
    """A simple solid that no command names.

    Attributes:
        shape: ``box``, ``cylinder`` (along z), ``capsule`` (along z) or ``ellipsoid``.
        half_m: its half lengths; a cylinder's and capsule's are radius, radius, half length.
        position_m: its middle, table frame.
        rotation: (9,) row by row, from its own frame to the table's.
        rgb: its colour, 0..1, times that of its surface.
        surface: ``""``, ``table``, ``floor``, ``wall`` or a print.
        gloss: specular share, 0..1.
        far: whether it belongs to the room, which is out of focus.
    """

    shape: str
    half_m: Float3
    position_m: Float3
    rotation: tuple[float, ...]
    rgb: Float3
    surface: str = ""
    gloss: float = 0.1
    far: bool = False


FLAT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def turned_z(angle_rad: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation about z."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def turned_x(angle_rad: float) -> NDArray[np.float64]:
    """Return the (3, 3) rotation about x."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


_LYING = turned_x(0.5 * math.pi)


def draw_table(rng: Rng, reach_m: float) -> list[Piece]:
    """Return a table, round or not, that holds all within ``reach_m``, and its legs."""
    half = reach_m + float(rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.2, 1.2)]))
    white = (1.0, 1.0, 1.0)
    thick = float(rng.uniform(0.01, 0.04))
    gloss = float(rng.choice([0.0, rng.uniform(0.0, 0.6)]))
    turn = turned_z(float(rng.uniform(-0.5, 0.5)))
    place = (0.0, 0.0, -thick)
    if rng.random() < 0.2:
        top = Piece("cylinder", (half, half, thick), place, FLAT, white, "table", gloss)
    else:
        wide = half * float(rng.uniform(1.0, 1.8))
        top = Piece("box", (wide, half, thick), place, tuple(turn.ravel()), white, "table", gloss)
    pieces = [top]
    if rng.random() < 0.15:  # a cloth or a mat on it
        x, y = (reach_m * float(v) for v in rng.uniform(0.5, 1.1, 2))
        pieces.append(
            Piece(
                "box",
                (x, y, 0.0012),
                (0.0, 0.0, -0.001),
                tuple(turn.ravel()),
                any_colour(rng),
                _print(rng) if rng.random() < 0.5 else "wall",
            )
        )
    leg = any_colour(rng, calm=0.7)
    for x in (-0.8, 0.8):
        for y in (-0.8, 0.8):
            foot = turn @ np.array([x * half, y * half, -0.38])
            pieces.append(Piece("box", (0.02, 0.02, 0.34), _at(foot), FLAT, leg))
    return pieces


def draw_room(rng: Rng, reach_m: float, camera: Camera) -> list[Piece]:
    """Return floor, walls, and furniture behind and beside the table, all out of reach."""
    white = (1.0, 1.0, 1.0)
    floor = -float(rng.choice([0.75, rng.uniform(0.3, 1.0)]))
    pieces = [Piece("box", (12.0, 12.0, 0.01), (0.0, 0.0, floor), FLAT, white, "floor", far=True)]
    eye = np.asarray(camera.position_m)
    wall_at = max(reach_m, float(np.linalg.norm(eye)) + 0.3) + float(rng.uniform(0.3, 4.0))
    ahead = math.atan2(-float(eye[1]), -float(eye[0]))
    for angle in (0.0, 0.5 * math.pi, math.pi, 1.5 * math.pi):
        turn = turned_z(angle + float(rng.uniform(-0.2, 0.2)))
        pieces.append(
            Piece(
                "box",
                (12.0, 0.05, 4.0),
                _at(turn @ np.array([0.0, wall_at, 2.0])),
                tuple(turn.ravel()),
                white,
                "wall",
                far=True,
            )
        )
    for _ in range(int(rng.integers(0, 15))):
        pieces += _furniture(rng, reach_m, floor, ahead)
    return pieces


def _furniture(rng: Rng, reach_m: float, floor: float, ahead: float) -> list[Piece]:
    """A chest, a pole, a shelf with things on it, a chair, a bin: of any colour."""
    away = reach_m + 0.75 + float(rng.uniform(0.0, 2.2))
    around = ahead + float(rng.uniform(-1.6, 1.6))
    x, y = away * math.cos(around), away * math.sin(around)
    turn = turned_z(float(rng.uniform(-math.pi, math.pi)))
    colour = any_colour(rng)
    flat = tuple(turn.ravel())
    way = rng.random()
    if way < 0.35:
        half = tuple(float(v) for v in rng.uniform(0.05, 0.4, 3))
        height = floor + half[2] + float(rng.choice([0.0, rng.uniform(0.0, 0.8)]))
        surface = _print(rng) if rng.random() < 0.4 else ""
        return [
            Piece(
                "box", (half[0], half[1], half[2]), (x, y, height), flat, colour, surface, far=True
            )
        ]
    if way < 0.55:
        radius, high = float(rng.uniform(0.02, 0.25)), float(rng.uniform(0.1, 0.8))
        return [
            Piece("cylinder", (radius, radius, high), (x, y, floor + high), FLAT, colour, far=True)
        ]
    if way < 0.75:
        return _chair(rng, (x, y, floor), turn, colour)
    pieces = []
    for level in range(int(rng.integers(1, 4))):  # a shelf
        height = floor + 0.4 * (level + 1)
        pieces.append(Piece("box", (0.6, 0.15, 0.015), (x, y, height), flat, colour, far=True))
        for _ in range(int(rng.integers(1, 6))):
            half = tuple(float(v) for v in rng.uniform(0.02, 0.12, 3))
            place = turn @ np.array([float(rng.uniform(-0.5, 0.5)), 0.0, 0.0])
            spot = (x + float(place[0]), y + float(place[1]), height + half[2])
            shape = str(rng.choice(["box", "cylinder", "ellipsoid"]))
            size = (half[0], half[0] if shape == "cylinder" else half[1], half[2])
            pieces.append(Piece(shape, size, spot, flat, any_colour(rng), far=True))
    return pieces


def _chair(rng: Rng, foot: Float3, turn: NDArray[np.float64], colour: Float3) -> list[Piece]:
    flat = tuple(turn.ravel())
    x, y, floor = foot
    seat = floor + 0.45
    pieces = [Piece("box", (0.22, 0.22, 0.03), (x, y, seat), flat, colour, far=True)]
    back = turn @ np.array([0.0, 0.2, 0.0])
    pieces.append(
        Piece(
            "box",
            (0.22, 0.03, 0.25),
            (x + float(back[0]), y + float(back[1]), seat + 0.3),
            flat,
            colour,
            far=True,
        )
    )
    dark = hsv(0.0, 0.0, float(rng.uniform(0.02, 0.5)))
    for dx in (-0.2, 0.2):
        for dy in (-0.2, 0.2):
            leg = turn @ np.array([dx, dy, 0.0])
            place = (x + float(leg[0]), y + float(leg[1]), floor + 0.22)
            pieces.append(Piece("cylinder", (0.015, 0.015, 0.22), place, FLAT, dark, far=True))
    return pieces


def draw_thing(rng: Rng, x: float, y: float) -> tuple[list[Piece], float]:
    """Return a nameless thing at a place on the table, and the radius that it takes up.

    A box with print, a tool, a pen, a sheet of paper, a telephone, a sponge.
    """
    turn = turned_z(float(rng.uniform(-math.pi, math.pi)))
    flat = tuple(turn.ravel())
    way = rng.random()
    if way < 0.34:  # a carton, standing or lying
        thin, wide, tall = sorted(float(v) for v in rng.uniform(0.015, 0.13, 3))
        tall = max(tall, 1.25 * wide)
        half = (wide, thin, tall) if rng.random() < 0.5 else (tall, wide, thin)
        piece = Piece(
            "box", half, (x, y, half[2]), flat, any_colour(rng, calm=0.1), _print(rng), 0.2
        )
        return [piece], math.hypot(half[0], half[1])
    if way < 0.50:
        return _tool(rng, x, y, turn)
    if way < 0.64:  # a pen
        radius, half_length = float(rng.uniform(0.004, 0.011)), float(rng.uniform(0.05, 0.085))
        lying = tuple((turn @ _LYING).ravel())
        cap = turn @ np.array([0.0, 0.6 * half_length, 0.0])
        body = Piece(
            "cylinder",
            (radius, radius, half_length),
            (x, y, radius),
            lying,
            any_colour(rng),
            "",
            0.4,
        )
        end = Piece(
            "cylinder",
            (1.1 * radius, 1.1 * radius, 0.4 * half_length),
            (x + float(cap[0]), y + float(cap[1]), radius),
            lying,
            any_colour(rng),
            "",
            0.4,
        )
        return [body, end], half_length
    if way < 0.78:  # paper, a booklet, a telephone
        half = (
            float(rng.uniform(0.03, 0.11)),
            float(rng.uniform(0.04, 0.15)),
            float(rng.uniform(0.0008, 0.006)),
        )
        colour = any_colour(rng) if rng.random() < 0.5 else (1.0, 1.0, 1.0)
        surface = _print(rng) if rng.random() < 0.7 else ""
        return [Piece("box", half, (x, y, half[2]), flat, colour, surface, 0.3)], math.hypot(
            half[0], half[1]
        )
    if way < 0.9:  # keys, a pile, crumbs: a few small bits
        pieces = []
        for _ in range(int(rng.integers(2, 7))):
            dx, dy = (float(v) for v in rng.uniform(-0.03, 0.03, 2))
            bit = tuple(float(v) for v in rng.uniform(0.003, 0.015, 3))
            pieces.append(
                Piece(
                    str(rng.choice(["box", "ellipsoid"])),
                    (bit[0], bit[1], bit[2]),
                    (x + dx, y + dy, bit[2]),
                    flat,
                    any_colour(rng),
                    "",
                    0.3,
                )
            )
        return pieces, 0.05
    half = (
        float(rng.uniform(0.04, 0.08)),
        float(rng.uniform(0.012, 0.02)),
        float(rng.uniform(0.01, 0.03)),
    )
    return [Piece("ellipsoid", half, (x, y, half[2]), flat, any_colour(rng), "", 0.2)], half[
        0
    ]  # a banana's like


def _tool(rng: Rng, x: float, y: float, turn: NDArray[np.float64]) -> tuple[list[Piece], float]:
    """A drill, a hammer, a screwdriver: a grip and a head, lying."""
    grip, head = any_colour(rng, calm=0.2), any_colour(rng, calm=0.7)
    length, radius = float(rng.uniform(0.05, 0.09)), float(rng.uniform(0.009, 0.022))
    lying = tuple((turn @ _LYING).ravel())
    across = tuple((turn @ turned_z(0.5 * math.pi) @ _LYING).ravel())
    flat = tuple(turn.ravel())
    end = turn @ np.array([0.0, length, 0.0])
    at_end = (x + float(end[0]), y + float(end[1]), radius)
    pieces = [Piece("capsule", (radius, radius, length), (x, y, radius), lying, grip, "", 0.3)]
    way = rng.random()
    if way < 0.4:
        pieces.append(
            Piece(
                "cylinder",
                (1.3 * radius, 1.3 * radius, 0.6 * length),
                at_end,
                across,
                head,
                "",
                0.4,
            )
        )
    elif way < 0.7:
        tip = turn @ np.array([0.0, 1.7 * length, 0.0])
        place = (x + float(tip[0]), y + float(tip[1]), radius)
        pieces.append(
            Piece(
                "cylinder", (0.3 * radius, 0.3 * radius, 0.7 * length), place, lying, head, "", 0.8
            )
        )
    else:
        pieces.append(
            Piece("box", (1.2 * radius, 1.8 * radius, 1.2 * radius), at_end, flat, head, "", 0.4)
        )
        pieces.append(Piece("box", (0.6 * length, radius, radius), at_end, flat, grip, "", 0.3))
    return pieces, 1.8 * length


def draw_cable(rng: Rng, reach_m: float) -> list[Piece]:
    """Return a cable that winds over the table."""
    colour = any_colour(rng, calm=0.9) if rng.random() < 0.8 else any_colour(rng, calm=0.0)
    radius = float(rng.uniform(0.0015, 0.004))
    heading = float(rng.uniform(-math.pi, math.pi))
    spot = rng.uniform(-reach_m, reach_m, 2)
    pieces = []
    bend = float(rng.uniform(-0.5, 0.5))
    for _ in range(int(rng.integers(8, 30))):
        bend = 0.8 * bend + float(rng.normal(0.0, 0.25))
        heading += bend
        step = np.array([math.cos(heading), math.sin(heading)]) * 0.03
        middle = spot + 0.5 * step
        turn = turned_z(heading - 0.5 * math.pi) @ _LYING
        pieces.append(
            Piece(
                "capsule",
                (radius, radius, 0.016),
                (float(middle[0]), float(middle[1]), radius),
                tuple(turn.ravel()),
                colour,
                "",
                0.2,
            )
        )
        spot = spot + step
    return pieces


def draw_hand(rng: Rng, entry: NDArray[np.float64], goal: NDArray[np.float64]) -> list[Piece]:
    """Return an arm with a hand or a gripper that comes from ``entry`` towards ``goal``."""
    along = goal - entry
    length = float(np.linalg.norm(along))
    along = along / length
    turn = _towards(along)
    rotation = tuple(turn.ravel())
    robot = rng.random() < 0.5
    skin = hsv(rng.uniform(0.02, 0.1), rng.uniform(0.25, 0.65), rng.uniform(0.25, 0.95))
    colour = any_colour(rng, calm=0.8) if robot else skin
    sleeve = any_colour(rng)
    arm = float(rng.uniform(0.02, 0.04))
    middle, wrist = entry + along * 0.25 * length, entry + along * 0.75 * length
    pieces = [Piece("capsule", (1.2 * arm, 1.2 * arm, 0.3 * length), _at(middle), rotation, sleeve)]
    if robot:
        pieces.append(
            Piece("box", (arm, 1.6 * arm, 0.15 * length), _at(wrist), rotation, colour, "", 0.5)
        )
    else:
        pieces.append(
            Piece("ellipsoid", (0.8 * arm, 1.4 * arm, 1.8 * arm), _at(wrist), rotation, colour)
        )
    fingers = (-1.0, 1.0) if robot else (-1.2, -0.4, 0.4, 1.2)
    for side in fingers:
        tip = wrist + turn @ np.array([0.0, side * arm, 2.4 * arm])
        shape = "box" if robot else "capsule"
        pieces.append(
            Piece(shape, (0.28 * arm, 0.28 * arm, arm), _at(tip), rotation, colour, "", 0.3)
        )
    return pieces


def _towards(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a rotation that turns z into ``along``."""
    helper = np.array([0.0, 0.0, 1.0]) if abs(along[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    side = np.cross(helper, along)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(along, side), along], axis=1)


def _print(rng: Rng) -> str:
    return f"print{int(rng.integers(PRINTS))}"


def _at(point: NDArray[np.float64]) -> Float3:
    return float(point[0]), float(point[1]), float(point[2])
