"""English stanzas of the DUMMY provider's poems, by tone.

Lines 2 and 4 rhyme; lines 1 and 3 may hold the customer's words, which rhyme with nothing.
"""

FRIEND = "my friend"
QUOTES = ("“", "”")

#: How the occasion is said: after "with" and the like, after another preposition, as a noun, and when there is none.
OCCASION_WITH = ("We bring you good wishes {occasion}!",)
OCCASION_FOR = ("These lines have been written {occasion}.", "We made you a poem {occasion}.")
OCCASION_NAMED = (
    "The calendar says: {occasion}!",
    "The reason is simple: {occasion}!",
    "The word of the day: {occasion}!",
)
OCCASION_NONE = ("Today is a good day for singing.", "We needed no reason for singing.")

WITH_WORDS = ("with",)
FOR_WORDS = ("for", "on", "to", "in", "at")
#: First words of occasions that read well without quotation marks: written small in the middle of a line ...
COMMON_OCCASIONS = (
    "birthday",
    "wedding",
    "anniversary",
    "graduation",
    "retirement",
    "engagement",
    "housewarming",
    "christening",
    "her",
    "his",
    "their",
    "our",
    "my",
    "your",
    "the",
    "a",
    "an",
    "first",
    "last",
    "silver",
    "golden",
)
#: ... or as they were typed.
PROPER_OCCASIONS = ("christmas", "easter", "new", "mother's", "father's", "valentine's", "hanukkah", "thanksgiving")

#: Stanzas, with an empty line between one and the next.
OPENINGS = {
    "warm": """
{name}, the morning is knocking
With gold at the window and door.
{occasion}
So let there be singing once more!

{name}, the evening grows brighter
For hearing us call out your name.
{occasion}
No two of such days are the same.

{name}, the kettle is humming,
The garden is warm after rain.
{occasion}
Let joy find the doorway again!

{name}, the lindens are whispering,
The night is as clear as a bell.
{occasion}
There's so much that's happy to tell!
""",
    "funny": """
{name}, the cat wears a necktie,
The dog has been polished to shine.
{occasion}
The cake says it's feeling just fine!

{name}, the teapot is drumming,
The spoons have all started to dance.
{occasion}
So boredom has no earthly chance!

{name}, the news of the hour:
The blues packed their bags and went home.
{occasion}
So here is a slice, and a poem!

{name}, the cake has been leaning,
But proudly it stands on its plate.
{occasion}
And hunger was never so great!
""",
    "solemn": """
{name}, the trumpets are sounding,
The banners are lifted on high.
{occasion}
Let bells bear the word to the sky!

{name}, the hall is illumined,
And solemn and bright is the hour.
{occasion}
May gladness now come to full flower!

{name}, let pages remember
The grace and the light of this day.
{occasion}
Its glory shall not pass away.

{name}, let silence be honoured,
Let every vain noise now be still.
{occasion}
Let voices resound from the hill!
""",
}

DETAILS = {
    "warm": """
{details} — these words are
A lamp that is left in the hall,
And warmer with each of the seasons,
And dear to the hearts of us all.

We wrote it down: {details}.
A small and a marvellous thing;
We carry it close like a letter,
And that is the reason we sing.

We'll always say: {details}.
No medal is dearer than this;
It feels like a walk in the garden
No evening was willing to miss.
""",
    "funny": """
In confidence: {details}!
The whole of the street knows it too,
And one very studious pigeon
Has started an essay on you.

{details} — so whisper
The saucer, the cup and the shelf;
The sugar bowl swears it is honest,
The teaspoon has heard it itself.

The papers say: {details}!
It's read over coffee and ham,
And signed and approved by the kitten,
Whose signature smells of the jam.
""",
    "solemn": """
{details} — be it written
In ink that no season can fade,
For so are the deeds and the mornings
Of which our best memories are made.

Record it with care: {details}.
Let those who come after us read,
For nothing outlasts a true kindness,
No word is as strong as a deed.

Proclaim it aloud: {details}.
Let those who are building now hear,
And those who are dreaming at twilight,
And all who hold labour most dear.
""",
}

ENDINGS = {
    "warm": """
May dreams find the wings they were needing,
May sorrow melt softly away,
May every new road lead to gladness
And sing to you day after day.

May lamplight be kind in the window,
May tea keep its warmth in the cup,
And, {name}, should any day stumble,
May friends be there, lifting you up.

May friends come to visit more often,
May troubles be few and be small,
And may the least notable evening
Turn out the best evening of all.

May roads never tire of unrolling,
May April stay on for a while,
And, {name}, may each of your mornings
Come in at the door with a smile.
""",
    "funny": """
May socks always stay with their partners,
May Mondays be cancelled by noon,
And, {name}, may luck bring you pudding
And hand you the very best spoon.

May wages leap up like a rabbit,
May alarm clocks sleep in until ten,
May laughter come in with no ticket
And then do it over again.

May dreams never wait until Friday,
May hedgehogs do waltzes at dawn,
And, {name}, may all your odd wishes
Be granted right there on the lawn.

May jam never run from the pancake,
May irons grow dusty and old,
And, {name}, may every good joke be
As funny the tenth time it's told.
""",
    "solemn": """
May fortune keep watch on the journey,
May clear be the light that you see,
And peace on the house and its people
For all of the years yet to be.

Be honour and joy to good people,
Be peace on the near and the far,
And, {name}, may over your rooftop
Forever be shining a star.

May words fly as birds over water,
Through seasons, from shore unto shore,
And dawn, in its gold, on your threshold
Be lovely today as before.

May songs be a wind in the mountains,
May labour be blest in its prime,
And, {name}, may hope walk beside you
As constant and patient as time.
""",
}

HAIKU_FIRST = {
    "warm": ("{name}, and it's brighter", "{name}: warm tea", "{name}, spring is outside"),
    "funny": ("{name}! The cat sneezed", "{name}: cake trembles", "{name}, the spoons dance"),
    "solemn": ("{name}: silence", "{name}: mountain snow", "{name}, a far bell"),
}
HAIKU_SECOND = {
    "warm": ("the samovar softly sings", "apple trees stand all in white", "the wind turns a letter's page"),
    "funny": ("the teapot waltzes alone", "hedgehog, where are your slippers", "the pigeon recites a toast"),
    "solemn": ("slowly a star ascends", "an old hand is writing still", "the mountains keep their word"),
}
