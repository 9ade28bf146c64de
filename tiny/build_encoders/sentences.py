"""The sentences on which the static word table is fitted: WordNet's glosses, picture labels, and sound
phrases.

The paraphrases of tests/encoders are never among them (words.py removes any that should turn up).
Knows WordNet and English templates; everything is drawn from one seed.
"""
# ruff: noqa: E501  (the table of sounds is one row a line)

from __future__ import annotations

import random
from pathlib import Path

from tiny.build_encoders import sources

# who makes a sound : how it is said
SOUNDS = """
dog,puppy,hound,big dog,small dog : barking,barks,growling,howling,whining,yelping,panting,woof
cat,kitten : meowing,meows,purring,hissing
bird,birds,sparrow,robin,songbird,crow,seagull,owl,pigeon,parrot : singing,chirping,tweeting,calling,cawing,hooting,cooing,squawking
rooster,chicken,hen,turkey,duck,goose : crowing,clucking,cackling,gobbling,quacking,honking
cow,cattle,bull : mooing,bellowing,lowing
sheep,goat,lamb : bleating,baaing
pig,hog : oinking,grunting,squealing
horse,pony,horses : neighing,galloping,trotting,hooves clopping,whinnying,snorting
wolf,lion,tiger,bear,monster : howling,roaring,growling,snarling
frog,toad : croaking,ribbit
insect,bee,bees,fly,mosquito,cricket,crickets,cicada : buzzing,humming,chirping
rain,rainstorm,drizzle,downpour : falling,pouring,pattering,dripping,on a roof,on a window,on leaves
thunder,thunderstorm,lightning : rumbling,cracking,clapping,striking
wind,breeze,gale,storm : blowing,howling,whistling,gusting,rustling leaves,in the trees,in the grass
sea,ocean,waves,surf : crashing,breaking,washing ashore,lapping,rolling
stream,river,brook,waterfall,tap,faucet,fountain : flowing,running,babbling,gurgling,splashing,pouring
water,liquid,drop : dripping,splashing,pouring,boiling,bubbling,trickling,filling a glass
stone,rock,diver,fish,ball : splashing into water,dropping in the water,plunging,plopping
fire,campfire,bonfire,fireplace,wood fire,flames : crackling,burning,roaring,popping
match,lighter,fuse,torch : striking,igniting,hissing,flaring
explosion,bomb,blast,dynamite : exploding,booming,detonating,going off
firework,fireworks,rocket,firecracker : exploding,whistling,banging,launching
gun,rifle,pistol,shotgun,machine gun,cannon : firing,shooting,being shot,reloading,gunfire
sword,swords,blade,knife : clashing,clanging,being drawn,slashing,ringing
arrow,bow : flying,hitting the target,being released
man,woman,person,someone,child,people : walking,running,footsteps,jumping,stepping,marching,coughing,laughing,clapping,talking,shouting,typing,breathing,knocking,hammering
boots,heels,shoes,feet,footsteps : on gravel,on wood,on concrete,on grass,in snow,in water,in mud,on stairs,on tiles
crowd,audience,fans,spectators : cheering,applauding,clapping,murmuring,booing,chanting,chattering
hands,hand : clapping,slapping,snapping fingers,rubbing
door,wooden door,gate,car door : opening,closing,slamming,creaking,squeaking,knocking
window,drawer,cupboard,lid : opening,closing,sliding,rattling,shutting
bell,church bell,doorbell,chime,wind chimes,gong : ringing,tolling,chiming,jingling,dinging
clock,watch,pendulum : ticking,striking,chiming,tick tock
telephone,phone,alarm : ringing,beeping,buzzing,vibrating
keyboard,typewriter,computer keyboard,keys : typing,clicking,clacking,tapping
mouse,button,switch,camera shutter : clicking,pressed,snapping
car,truck,bus,motorcycle,engine,motor,race car,van,vehicle : driving,passing by,accelerating,starting,idling,revving,braking,honking,skidding,humming
horn,car horn,truck horn,ship horn,foghorn : honking,blowing,beeping,tooting
siren,police car,ambulance,fire engine : wailing,blaring,sounding
train,steam train,locomotive,subway,tram : passing,whistling,rolling on rails,clattering,braking,horn blowing
plane,airplane,jet,helicopter,propeller,drone : flying,taking off,flying overhead,hovering,buzzing,roaring,landing
boat,ship,motorboat : sailing,engine running,horn
machine,washing machine,vacuum cleaner,fan,pump,drill,blender,lawn mower,hair dryer : running,humming,whirring,buzzing,grinding,drilling
hammer,mallet,blacksmith : hitting,hammering,striking metal,pounding nails,on an anvil,hitting iron
axe,ax,woodcutter,saw,chainsaw,saws : chopping wood,cutting wood,sawing,splitting logs,felling a tree
tree,branch,wood,plank,stick : falling,cracking,snapping,breaking,being hit,knocking
glass,bottle,window,plate,cup,vase,dish : breaking,shattering,smashing,clinking,tinkling,falling,being hit
metal,pan,pot,can,chain,pipe,iron,steel : clanging,clanking,hitting,falling,rattling,ringing,scraping
coin,coins,keys,money : dropping,jingling,clinking,falling
stone,stones,rock,rocks,gravel,brick : falling,hitting,rolling,tumbling,crunching
ball,tennis ball,basketball,rubber ball,ping pong ball : bouncing,hitting,being kicked,rolling,thumping
punch,fist,boxer,body,fight : hitting,punching,thudding,slapping,smacking
drum,drums,snare drum,bass drum,kick drum,tom,drummer,drum kit : beating,playing,hit,rolling,being struck
cymbal,cymbals,hi-hat : crashing,playing,hit,ticking
piano,guitar,violin,cello,flute,trumpet,saxophone,organ,harp,xylophone,marimba,accordion,harmonica,music box,choir : playing,plucked,strummed,a note,a melody,music
tambourine,maracas,shaker,triangle,woodblock,cowbell,bongos : shaking,rattling,hit,playing
cloth,whip,stick,rope,swing : swishing,whooshing,cracking,swinging,flapping,through the air
paper,book,pages,plastic bag,leaves : rustling,tearing,crumpling,turning,crackling
bubbles,pot,kettle,stew,soup,pan : boiling,bubbling,whistling,sizzling,frying
clapping,applause,cheering : loud,in a hall,after a show
tool,scissors,zipper,lock,latch,trigger : clicking,snipping,zipping,locking,unlocking
"""

TEMPLATES = [
    "{}", "{}", "{}", "a {}", "the {}", "the sound of {}", "sound of {}", "{} sound", "{} sound effect", "{} noise",
    "{} in the distance", "{} far away", "{} nearby", "{} close up", "{} outdoors", "{} indoors", "{} at night",
    "{} loudly", "{} softly", "{} slowly", "{} fast", "{} again and again", "heavy {}", "loud {}", "soft {}",
    "quiet {}", "one {}", "two {}", "several {}", "there is {}", "we hear {}", "you can hear {}", "a video of {}",
    "a recording of {}", "{} in a room", "{} in a street", "{} in the forest", "{} and {}", "{} with {}",
    "{} while {}", "{}, {}", "{} in the background", "cartoon {}", "a man hears {}",
]  # fmt: skip

PICTURES = [
    "a photo of a {}", "a photo of a {}", "{}", "a {}", "a picture of a {}", "the sound of a {}", "two {}s", "a {} in the water",
    "a {} on the ground", "close-up of a {}", "a {} moving", "someone with a {}",
]  # fmt: skip


def gather(work: Path, vocabulary: list[str], seed: int = 0) -> tuple[list[str], list[str]]:
    """(general sentences, sentences about sounds and pictures), each without repeats, in a fixed order."""
    rng = random.Random(seed)
    folder = sources.wordnet(work)
    entries = {part: sources.synsets(folder, part) for part in ("noun", "verb", "adj", "adv")}
    every = [entry for part in entries.values() for entry in part.values()]
    known = set(vocabulary)
    glosses = [entry.definition for entry in every if len(entry.definition.split()) <= 14]
    examples = [text for entry in every for text in entry.examples if len(text.split()) <= 14]
    lemmas = [
        word for entry in every for word in entry.words if all(p.lower() in known for p in word.split())
    ]
    general = (
        rng.sample(glosses, 25000) + rng.sample(examples, 25000) + rng.sample(sorted(set(lemmas)), 15000)
    )
    general += random_phrases(rng, known, entries, 12000)
    labels, _ = sources.imagenet_labels(work)
    special = sound_phrases(rng, 24000)
    special += [template.format(label.lower()) for label in labels for template in PICTURES]
    return sorted(set(general)), sorted(set(special))


def sound_phrases(rng: random.Random, count: int) -> list[str]:
    """Phrases such as "two dogs barking in the distance", from the table of sources above."""
    groups = [line.split(" : ") for line in SOUNDS.strip().splitlines()]
    pairs = [(who.split(","), how.split(",")) for who, how in groups]

    def simple() -> str:
        who, how = rng.choice(pairs)
        first, second = rng.choice(who), rng.choice(how)
        return rng.choice([f"{first} {second}", f"{first} {second}", f"{second} {first}", first, second])

    plain = [f"{a} {b}" for who, how in pairs for a in who for b in how]
    plain += [word for who, how in pairs for word in who + how]
    out = list(plain)
    while len(out) < count:
        template = rng.choice(TEMPLATES)
        out.append(template.format(*(simple() for _ in range(template.count("{}")))))
    return out


def random_phrases(
    rng: random.Random, known: set[str], entries: dict[str, dict[int, sources.Synset]], count: int
) -> list[str]:
    """Phrases of common words (those the vocabulary holds whole): "an old woman carrying the box"."""

    def words(part: str) -> list[str]:
        return sorted(
            {
                word
                for entry in entries[part].values()
                for word in entry.words
                if word in known and len(word) > 2
            }
        )

    nouns, adjectives = words("noun"), words("adj")
    verbs = [word for word in sorted(known) if word.endswith("ing") and len(word) > 5 and word.isalpha()]
    shapes = [
        "{n} {v}",
        "a {a} {n}",
        "the {n} {v} the {n}",
        "{v} a {n}",
        "a {n} in the {n}",
        "{a} {n} {v}",
        "{n} of {n}",
        "{n} and {n}",
    ]
    out = []
    for _ in range(count):
        shape = rng.choice(shapes)
        while "{" in shape:
            shape = shape.replace("{n}", rng.choice(nouns), 1).replace("{v}", rng.choice(verbs), 1)
            shape = shape.replace("{a}", rng.choice(adjectives), 1)
        out.append(shape)
    return out
