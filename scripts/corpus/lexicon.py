"""Word lists that templates name as {slot}, and words of other languages."""

COLOUR = "red blue green yellow white black brown grey purple orange silver golden pink".split()
SIZE = "small big tiny large huge little narrow wide tall short heavy light".split()
MOOD = (
    "happy tired curious proud nervous cheerful hungry sleepy calm worried surprised patient"
).split()
WEATHER = "sunny cloudy rainy windy foggy snowy stormy mild".split()
SEASON = "spring summer autumn winter".split()
MATERIAL = "wooden iron copper glass stone paper leather clay".split()
THING = (
    "key lamp map bell book rope basket kettle ladder mirror compass blanket hammer coin letter "
    "whistle lantern bucket clock umbrella button feather candle ribbon spoon needle"
).split()
CONTAINER = "box drawer basket bag chest jar cupboard barrel tin crate".split()
PLACE = (
    "market library harbour mill station garden bakery school bridge orchard lighthouse museum "
    "workshop square castle farm forest beach chapel theatre"
).split()
ROOM = "kitchen cellar attic hall pantry study bedroom barn shed".split()
FRUIT = "apple pear plum cherry lemon fig orange peach apricot melon".split()
VEGETABLE = "carrot onion leek potato turnip cabbage bean pepper pumpkin beetroot".split()
MEAL = "breakfast lunch supper dinner".split()
SOUND = "knock whistle splash crack thud hum ring rattle whisper bang".split()
ADVERB = "slowly quickly quietly carefully gladly politely suddenly gently proudly".split()
INSTRUMENT = "violin flute drum guitar piano trumpet harp accordion cello".split()
ANIMAL = "cat dog goat rabbit parrot hen pony turtle goose hedgehog donkey mouse".split()
WILD = "fox owl heron badger otter deer squirrel hare seal raven".split()
JOB = (
    "baker teacher sailor carpenter doctor farmer painter gardener miller tailor blacksmith "
    "postman "
    "librarian clockmaker fisher shepherd pilot cook"
).split()
HOBBY = (
    "chess swimming fishing drawing singing sewing reading cycling skating dancing climbing "
    "gardening"
).split()
DISH = (
    "lentil soup",
    "apple pie",
    "fish stew",
    "cheese bread",
    "mushroom rice",
    "plum cake",
    "bean salad",
    "pumpkin soup",
    "honey biscuits",
    "leek tart",
    "potato dumplings",
    "onion pancakes",
    "pear crumble",
    "carrot noodles",
)

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November " "December"
).split()
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()

OPPOSITES = [
    pair.split("/")
    for pair in (
        "hot/cold big/small fast/slow early/late old/new full/empty wet/dry light/dark loud/quiet "
        "hard/soft high/low open/closed happy/sad clean/dirty strong/weak near/far "
        "thick/thin sweet/sour "
        "deep/shallow rich/poor up/down left/right first/last day/night winter/summer"
    ).split()
]

# animal, group, legs, sound, young
CREATURES = [
    row.split()
    for row in (
        "cow mammal four moos calf",
        "cat mammal four meows kitten",
        "dog mammal four barks puppy",
        "sheep mammal four bleats lamb",
        "horse mammal four neighs foal",
        "pig mammal four grunts piglet",
        "hen bird two clucks chick",
        "duck bird two quacks duckling",
        "goose bird two honks gosling",
        "owl bird two hoots owlet",
        "frog amphibian four croaks tadpole",
        "bee insect six buzzes larva",
        "cricket insect six chirps nymph",
        "wolf mammal four howls pup",
        "lion mammal four roars cub",
        "goat mammal four bleats kid",
        "mouse mammal four squeaks pup",
        "bear mammal four growls cub",
    )
]

# Concept by language, in the order of LANGUAGES, then an emoji.
LANGUAGES = "French Spanish German Greek Russian Japanese Chinese".split()
TRANSLATIONS = [
    row.split()
    for row in (
        "water eau agua Wasser νερό вода 水 水 💧",
        "bread pain pan Brot ψωμί хлеб パン 面包 🍞",
        "cat chat gato Katze γάτα кошка 猫 猫 🐱",
        "dog chien perro Hund σκύλος собака 犬 狗 🐶",
        "fish poisson pez Fisch ψάρι рыба 魚 鱼 🐟",
        "tree arbre árbol Baum δέντρο дерево 木 树 🌳",
        "sun soleil sol Sonne ήλιος солнце 太陽 太阳 🌞",
        "moon lune luna Mond φεγγάρι луна 月 月亮 🌙",
        "star étoile estrella Stern αστέρι звезда 星 星星 ⭐",
        "fire feu fuego Feuer φωτιά огонь 火 火 🔥",
        "snow neige nieve Schnee χιόνι снег 雪 雪 ⛄",
        "rain pluie lluvia Regen βροχή дождь 雨 雨 ☔",
        "house maison casa Haus σπίτι дом 家 房子 🏠",
        "book livre libro Buch βιβλίο книга 本 书 📖",
        "horse cheval caballo Pferd άλογο лошадь 馬 马 🐴",
        "bird oiseau pájaro Vogel πουλί птица 鳥 鸟 🐦",
        "apple pomme manzana Apfel μήλο яблоко りんご 苹果 🍎",
        "milk lait leche Milch γάλα молоко 牛乳 牛奶 🥛",
        "cheese fromage queso Käse τυρί сыр チーズ 奶酪 🧀",
        "egg œuf huevo Ei αυγό яйцо 卵 鸡蛋 🥚",
        "flower fleur flor Blume λουλούδι цветок 花 花 🌸",
        "key clé llave Schlüssel κλειδί ключ 鍵 钥匙 🔑",
        "heart cœur corazón Herz καρδιά сердце 心 心 💙",
        "ship bateau barco Schiff πλοίο корабль 船 船 🚢",
        "train train tren Zug τρένο поезд 電車 火车 🚆",
        "car voiture coche Auto αυτοκίνητο машина 車 汽车 🚗",
        "mountain montagne montaña Berg βουνό гора 山 山 🗻",
        "sea mer mar Meer θάλασσα море 海 海 🌊",
        "music musique música Musik μουσική музыка 音楽 音乐 🎵",
        "bee abeille abeja Biene μέλισσα пчела 蜂 蜜蜂 🐝",
        "night nuit noche Nacht νύχτα ночь 夜 夜 🌃",
        "hand main mano Hand χέρι рука 手 手 ✋",
    )
]
