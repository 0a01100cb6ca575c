"""Orders as they are spoken: parts that lie about, lists without commas, talk behind a name."""

from __future__ import annotations

import pytest

from ppcr_ros.core.reading.plurals import singular
from ppcr_ros.core.reading.reader import CommandReading, read_command

UNHARMED = """
the ball on the left of the box
the red and white mug
the mug between the bowl and the plate
the second mug from the right
the mug on the tray
the mug in front of the plate
the mug right of the bowl
the mug to the right of the two plates
take the mug that is on the left
give me the cup on top of the box
the block on top of the red and blue blocks
the ball near the red and blue cubes
the box on the red and the green box
the cap on the table
get the lid from the table
the lid on the left
the cork on the right
bring me the lid from the red pot
the handle on the floor
pick up the lid on the plate
the bottle with the red cap
the mug without a lid
the teapot with its lid
the thing to hang the towel on the hook
the smallest of the three balls
the bigger one of the two cubes
the first of the three mugs
the last of my two pens
the mug next to my two pens
a pair of scissors
bring me my glasses
where are my glasses
the ball in the bowl
take the ball out of the bowl
the mug and hurry up
the mug and that's it
the mug and that is all
find the mug and give me the mug
all right, take the mug
my friend, take the mug
take the mug and close the door
open the jar and give me the spoon in it
lift the cup and take the ball under it
take the pan and hold the handle
go to the table and bring me the mug
look behind the box and bring me the ball
the toy robot
the black and silver pen
the salt and pepper shaker
the spoon next to the toy robot
the one that is next to the teapot
the green cube behind the small yellow box
the mug nearest to the edge
the rest
the one with the red and white stripes
the cup closest to the left
the tallest glass on the shelf
please could you hand me the big blue book over there
the glass bottle
hang on, the mug
the ball to the left of the plate right next to the box
take the mug that is left of the plate and to the right of the bowl
""".strip().splitlines()

PARTS = """
the lid of the jar | the jar | lid
the cap on the bottle | the bottle | cap
the handle on the red pan | the red pan | handle
pick up the lid of the pot | pick up the pot | lid
the rim on that little bowl | that little bowl | rim
find the cap on that tiny black and yellow bottle | find that tiny black and yellow bottle | cap
"""

PUT = """
screw the lid on the jar | the lid | on | the jar
bring the lid from the box to the tray | the lid from the box | to | the tray
take the lid and screw it onto the jar | take the lid | on | the jar
place the mug right next to the bowl | the mug | next to | the bowl
put the mug right in front of the plate | the mug | in front of | the plate
put the mug just behind the bowl | the mug | behind | the bowl
put the flask that is furthest right on the tin | the flask that is furthest right | on | the tin
put the mug at the back on the tray | the mug at the back | on | the tray
pick up the mug and set it right of the bowl | pick up the mug | right of | the bowl
pick up the mug and set it right on the plate | pick up the mug | on | the plate
put the mug on the left in the sink | the mug on the left | in | the sink
put the cup on the right next to the plate | the cup on the right | next to | the plate
put the ball in the middle into the cup | the ball in the middle | in | the cup
move the mug in the back to the tray | the mug in the back | to | the tray
put the mug on the left of the plate | the mug | left of | the plate
move the can left of the mug into the box | the can left of the mug | in | the box
slide the plate over to the mug | the plate | to | the mug
move the cup over next to the plate | the cup | next to | the plate
put the cup over the bowl | the cup | over | the bowl
chuck the tissue in the bin | the tissue | in | the bin
hang the towel on the hook | the towel | on | the hook
hide the key under the mug | the key | under | the mug
balance the cube on top of the ball | the cube | on | the ball
lean the spoon against the cup | the spoon | to | the cup
roll the ball to the mug | the ball | to | the mug
rest the spoon on the plate | the spoon | on | the plate
tuck the pen behind the cup | the pen | behind | the cup
dump the bricks in the box | the bricks | in | the box
fling the sock in the basket | the sock | in | the basket
plonk the mug on the tray | the mug | on | the tray
serve the cake on the plate | the cake | on | the plate
dip the spoon in the soup | the spoon | in | the soup
add the sugar to the tea | the sugar | to | the tea
attach the lid to the jar | the lid | to | the jar
grab the ball and chuck it in the box | grab the ball | in | the box
the ball should be put into the box too | the ball | in | the box
the book needs to be on the shelf | the book | on | the shelf
put the ball in the bowl and hurry up | the ball | in | the bowl
put the ball in the bowl and wait | the ball | in | the bowl
put the ball in the bowl and that is it | the ball | in | the bowl
put the ball in the bowl robot | the ball | in | the bowl
put the ball in the bin love | the ball | in | the bin
put the ball into the box please robot | the ball | in | the box
put the ball in the bowl as fast as you can | the ball | in | the bowl
put the ball next to the toy robot | the ball | next to | the toy robot
put the ball in the red and white box | the ball | in | the red and white box
take the red mug and put the mug on the tray | take the red mug | on | the tray
find the box and put the ball in the box | the ball | in | the box
"""

TOGETHER = """
take the pen and take the book | take the pen | the book
get the cup and give me the plate | get the cup | the plate
give me the cup and give dad the plate | give me the cup | the plate
find the ball and point at the cube | find the ball | the cube
give me the cup, then give me the plate | give me the cup | the plate
show me the red cube and show me the blue one | show me the red cube | the blue one
could you take the pen and could you pass me the book please | could you take the pen | the book
the mug the plate and the spoon | the mug | the plate / the spoon
the screw the nut and the bolt | the screw | the nut / the bolt
a mug a plate and a spoon | a mug | a plate / a spoon
red mug blue mug and green mug | the red mug | the blue mug / the green mug
pass me the ball the cube and the pen | pass me the ball | the cube / the pen
give the teddy the ball and the cube | give the teddy the ball | the cube
my phone and my wallet | my phone | my wallet
bring our plates and your cup | bring our plates | your cup
the apple along with the banana | the apple | the banana
grab the pen together with the book | grab the pen | the book
the mug & the plate | the mug | the plate
the ball plus the cube plus the pen | the ball | the cube / the pen
the mug as well as my plate please | the mug | my plate
get me the cup and the plate if you can | get me the cup | the plate
get the scissors and the tape please love | get the scissors | the tape
get me the cup and the plate my dear | get me the cup | the plate
get me the cup and the plate right now | get me the cup | the plate
the cup and the plate as fast as you can | the cup | the plate
scissors and tape please | the scissors | the tape
bring me ketchup and mayo | bring me the ketchup | the mayo
the mug on the left and the plate | the mug on the left | the plate
the mug on the left and the red ball | the mug on the left | the red ball
the pot and its lid | the pot | the lid
the cup and its saucer | the cup | the saucer
can you find the mug and then the plate | can you find the mug | the plate
"""

ONE_AT_A_TIME = """
put the apple in the bowl and bring me the pear | the apple | | the bowl | bring me the pear
give me the pear and put the apple in the bowl | give me the pear | | | put the apple in the bowl
the pear and put the apple in the bowl | the pear | | | put the apple in the bowl
put the ball in the bowl and the cube in the box | the ball | | the bowl | put the cube in the box
put the ball and the cube in the box and the pen in the mug \
| the ball | the cube | the box | put the pen in the mug
put the apple in the bowl then put the pear in the bowl | the apple | the pear | the bowl |
put the apple that is on the plate and the pear in the bowl \
| the apple that is on the plate | the pear | the bowl |
put the mug on the tray and put the ball next to it | the mug | | the tray | put the ball
take the pen, give me the book and put the cube in the box \
| take the pen | the book | | put the cube in the box
"""

COUNTED = """
any two cubes | the cube | 2
give me any two of the cubes | give me the cube | 2
i need four spoons | i need the spoon | 4
i'd like two apples | i would like the apple | 2
can i have two biscuits | can i have the biscuit | 2
choose three balls | choose the ball | 3
the rest of the cubes | the cube | all
take the remaining balls | take the ball | all
the remaining two balls | the ball | 2
the other two balls | the other ball | 2
the other mugs | the other mug | all
the last two blocks | the last two blocks | 2
the first three blocks from the left | the first three blocks from the left | 3
my two pens | the pen | 2
those two | those two | 2
two of those | two of those | 2
a pair of spoons | the spoon | 2
a couple of the green cubes | the green cube | 2
a couple mugs | the mug | 2
a couple of those apples | the apple | 2
a dozen eggs | the egg | 12
half a dozen eggs | the egg | 6
nine cubes | the cube | 9
two of the mugs | the mug | 2
all three of the plates | the plate | 3
both knives | the knife | 2
all the batteries | the battery | all
all leaves | the leaf | all
put any two balls in the box | the ball | 2
"""

COUNTED_TOGETHER = """
all of the red and green cubes | the red cube | the green cube | all | all
all the red and green cubes | the red cube | the green cube | all | all
the two red and the two green cubes | the red cube | the green cube | 2 | 2
the two red and three green cubes | the red cube | the green cube | 2 | 3
the two red and green cubes | the red cube | the green cube | 1 | 1
two blue cubes and one red cube | the blue cube | one red cube | 2 | 1
both red and green cubes | the red cube | the green cube | 1 | 1
"""


def _rows(table: str) -> list[list[str]]:
    lines = table.replace("\\\n", "").strip().splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def _count(cell: str) -> int | None:
    return None if cell == "all" else int(cell)


def _several(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(" / ")) if cell else ()


@pytest.mark.parametrize("command", UNHARMED)
def test_a_plain_command_is_passed_on_as_it_was_spoken(command: str) -> None:
    reading = read_command(command)
    assert reading.is_plain, reading
    assert reading.asked == command


@pytest.mark.parametrize(("command", "asked", "part"), _rows(PARTS))
def test_a_part_is_that_of_a_thing_which_has_it(command: str, asked: str, part: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.part) == (asked, part)


@pytest.mark.parametrize(("command", "asked", "relation", "destination"), _rows(PUT))
def test_a_place_is_named_without_what_is_beside_it(
    command: str, asked: str, relation: str, destination: str
) -> None:
    reading = read_command(command)
    found = (reading.asked, reading.destination_relation, reading.destination)
    assert found == (asked, relation, destination)
    assert not reading.also
    assert reading.destination_is_object


@pytest.mark.parametrize(("command", "asked", "also"), _rows(TOGETHER))
def test_each_thing_of_a_list_or_of_two_orders_is_asked(
    command: str, asked: str, also: str
) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.also) == (asked, _several(also))
    assert not reading.destination


@pytest.mark.parametrize(
    ("command", "asked", "also", "destination", "left_out"), _rows(ONE_AT_A_TIME)
)
def test_what_is_put_somewhere_is_not_taken_for_what_is_handed_over(
    command: str, asked: str, also: str, destination: str, left_out: str
) -> None:
    """One place belongs to all targets, so that orders with different places are not joined."""
    reading = read_command(command)
    found = (reading.asked, reading.also, reading.destination, reading.left_out)
    assert found == (asked, _several(also), destination, left_out)


@pytest.mark.parametrize(("command", "asked", "quantity"), _rows(COUNTED))
def test_a_quantity_is_read_wherever_it_stands(command: str, asked: str, quantity: str) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.quantity) == (asked, _count(quantity))


@pytest.mark.parametrize(("command", "asked", "also", "first", "second"), _rows(COUNTED_TOGETHER))
def test_a_quantity_goes_with_its_looks(
    command: str, asked: str, also: str, first: str, second: str
) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.also) == (asked, (also,))
    assert (reading.quantity, reading.also_quantities) == (_count(first), (_count(second),))


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("knives", "knife"), ("gloves", "glove"), ("shelves", "shelf"), ("leaves", "leaf"),
        ("batteries", "battery"), ("cookies", "cookie"), ("toys", "toy"), ("vases", "vase"),
        ("boxes", "box"), ("dishes", "dish"), ("glasses", "glass"), ("tomatoes", "tomato"),
        ("shoes", "shoe"), ("buses", "bus"), ("houses", "house"), ("mugs", "mug"), ("dice", "dice"),
    ],
)  # fmt: skip
def test_one_of_several_has_its_own_name(several: str, one: str) -> None:
    assert singular(several) == one


def test_talk_behind_a_name_leaves_the_reading_as_it_was() -> None:
    wanted = read_command("put the ball in the bowl")
    for talk in ("mate", "my friend", "would you", "if you like", "and be quick", "and thank you"):
        reading: CommandReading = read_command(f"put the ball in the bowl {talk}")
        assert reading == wanted, talk


@pytest.mark.parametrize(
    ("command", "asked", "part"),
    [
        ("take that ege of this bowl", "take this bowl", "edge"),
        ("can you point at the hndle of the mug", "can you point at the mug", "handle"),
        ("would you hand edge of dish to me", "would you hand the dish to me", "edge"),
        (
            "right can you point at that rim of that black plate there",
            "right can you point at that black plate there",
            "rim",
        ),
    ],
)
def test_a_part_is_read_where_it_is_misspelt_or_has_no_article(
    command: str, asked: str, part: str
) -> None:
    reading = read_command(command)
    assert (reading.asked, reading.part) == (asked, part)


def test_a_misspelt_look_makes_no_fruit_of_an_orange_thing() -> None:
    reading = read_command("take this bowl which looks tiyn and orange")
    assert (reading.asked, reading.also) == ("take this bowl which looks tiyn and orange", ())
