"""The two words by which a household knows at its door that it is the technician who was sent."""

from hashlib import sha256

_ENGLISH = """
accordion acorn airport album almond anchor apple apricot arrow autumn avocado bagel bakery bamboo banana banjo
barn basket beach beaver bedroom bicycle biscuit blackbird blanket blossom bonfire bookshelf bottle bracelet branch
bridge broccoli bucket buffalo butter buttercup cabbage cactus camera candle candlestick canoe canvas caravan
carpet castle cathedral cherry chimney chocolate cinema cinnamon circus clover coffee compass cookie copper coral
cottage cotton cricket crocodile crystal cucumber cupboard curtain daisy dinosaur dolphin doorbell dragon drawer
drummer eagle elbow elephant emerald engine envelope falcon feather fiddle fireplace flamingo flute forest galaxy
garage garden garlic giraffe glacier goblet grape guitar hammer hamster harbour harvest hazelnut hedgehog helmet
holiday honey horizon igloo island ivory jacket jaguar jasmine jelly jigsaw jungle kangaroo kettle keyboard kitchen
koala ladder lagoon lantern lavender lemon leopard library lighthouse lilac lobster magnet mango maple marble
market meadow melon mirror moonlight mountain muffin museum mushroom napkin necklace notebook nutmeg oasis ocean
octopus olive onion orange orchard ostrich otter oven oyster painter palace pancake panda parachute parrot peacock
peanut pebble pelican pencil penguin pepper piano picnic pineapple pirate planet poem pony popcorn potato pumpkin
puppet puzzle pyramid quarry rabbit raccoon radio railway rainbow raincoat raisin raspberry reindeer ribbon river
robin rocket rooster saddle salad salmon sandal sapphire saxophone scarf school scooter shovel silver snowflake
snowman sofa spinach squirrel stadium strawberry submarine summer sunflower sunrise swimmer table tambourine teapot
teaspoon telescope temple theatre thunder tiger toaster tomato tractor treasure triangle trumpet tulip tunnel
turtle umbrella unicorn valley vanilla velvet village vinegar vineyard violin volcano waffle wagon walnut waterfall
wheelbarrow whistle willow windmill window winter wizard yoghurt zebra zeppelin
"""
_GERMAN = """
Abend Adler Ahorn Akkordeon Album Ananas Anker Apfel Aprikose Arena Artischocke Aubergine Bahnhof Balkon Bambus
Banane Bauernhof Becher Bernstein Besen Birne Blume Brezel Brille Brokkoli Brunnen Burgtor Butter Bücherei
Chamäleon Computer Dachs Dampfer Delfin Diamant Dorfplatz Drachen Dreirad Dromedar Efeu Eiche Eichhörnchen Eidechse
Eimer Eisberg Elefant Ente Erbse Erdbeere Eule Fahrrad Falke Fasan Feder Felsen Fenster Fernrohr Feuerwehr Fichte
Flamingo Flasche Flöte Forelle Frosch Frühling Fuchs Garten Gazelle Geige Giraffe Gitarre Glocke Gondel Gurke Hafen
Hagebutte Hammer Handschuh Harfe Haselnuss Hecht Heidelbeere Herbst Himbeere Hirsch Holunder Honig Hummel Igel
Ingwer Jacke Jaguar Jasmin Joghurt Kabine Kaffee Kaktus Kamera Kamin Kapitän Karotte Karpfen Kartoffel Kastanie
Kathedrale Kegel Kerze Kiesel Kino Kirsche Kissen Klavier Klee Knopf Koala Koffer Kolibri Komet Kompass Korb Krabbe
Krokodil Krone Känguru Küche Kürbis Lagune Lampe Laterne Lavendel Leiter Leopard Lerche Leuchtturm Libelle Lilie
Limette Linde Lokomotive Löffel Löwe Magnet Mandel Mango Marder Marmelade Maulwurf Melone Mikado Muschel Museum
Muskat Nagel Narzisse Nashorn Nebel Nelke Notizbuch Nudel Nussbaum Oase Olive Orange Orchidee Orgel Otter Ozean
Palast Palme Panda Papagei Paprika Parkbank Pelikan Petersilie Pfanne Pfau Pferd Pfirsich Pflaume Pilz Pinguin
Pinsel Pirat Planet Pony Posaune Puzzle Pyramide Quelle Quitte Radieschen Rakete Regenbogen Reh Rettich Ritter
Robbe Rosine Rucksack Safran Salat Salbei Sandburg Saphir Schaukel Schildkröte Schlitten Schloss Schmetterling
Schokolade Schrank Schwalbe Schwan Seerose Sellerie Silber Sofa Sommer Sonnenblume Spargel Spatz Specht Spiegel
Spinat Stadion Steinbock Storch Strand Tanne Tasche Teddy Teekanne Telefon Teppich Theater Thymian Tiger Tisch
Tomate Traktor Traube Trompete Tulpe Tunnel Turm Uhu Vanille Veilchen Vogel Vulkan Waffel Walnuss Wasserfall Weide
Wiese Winter Wolke Würfel Zauberer Zebra Zimt Zirkus Zitrone Zucchini Zwiebel
"""
_SPANISH = """
abanico abedul abeja abrigo acordeón acuarela acuario aduana agenda aguacate ajedrez alameda albahaca albaricoque
alcachofa aldea alfombra algodón alicate almendra almohada alondra amapola amatista ámbar ancla andén anillo antena
arándano arcoíris ardilla arena armario armonía arroyo astronauta atleta autobús avellana avestruz avión azafrán azúcar
azucena bahía bailarina balcón bambú banana bandeja barco bastón batuta bellota berenjena biblioteca bicicleta bizcocho
boceto bodega bombilla bosque botella brócoli bronce brújula bufanda búho burbuja caballo cacao cactus cafetera
calabaza calendario cámara camello camino campana candado cangrejo canguro canoa caracol caramelo carpeta carrusel
cascada castillo castor cebra cedro cereza chimenea chocolate ciervo cigüeña cinturón ciruela ciudad clarinete clavel
cobre cocodrilo colibrí colina cometa cordero corona crisantemo cristal cuaderno cuchara cueva damasco delfín desierto
diamante dinosaurio dragón ébano elefante erizo escalera escarcha escuela esmeralda espejo espiga esponja estadio
estrella eucalipto faro farola flamenco flauta flecha fogata frambuesa fresno fuente galaxia galleta garaje gaviota
geranio girasol glaciar globo golondrina gorrión granero granito guante guitarra hamaca harina hebilla helecho
herradura hielo hierba higuera horizonte hormiga hortensia iceberg iglú imán invierno isla jabón jaguar jardín jarrón
jazmín jinete jirafa koala laberinto ladrillo lago lámpara langosta laurel lavanda lechuga lenteja leopardo libélula
libro limonada linterna lirio lluvia luciérnaga madera maleta mandarina manzana mapa maratón margarita mariposa mármol
martillo melocotón melodía mercado miel mimosa mirlo mochila molino montaña mosaico muelle museo naranja nenúfar nieve
nogal nube nutria oasis océano oliva orquesta orquídea oruga otoño oveja palacio palmera paloma panadero panda pañuelo
paraguas pasillo pavo peldaño pelícano pera perejil petirrojo pianista pincel pingüino piragua pirámide pirata pizarra
planeta playa poema pradera primavera puerto puzle quilla rábano racimo radio ramillete regaliz reloj remolacha rocío
romero rosal rubí sandalia sandía saxofón selva semilla sendero sésamo silbato silla sombrero submarino taller tambor
tapiz taza teatro tejado telescopio templo terraza tesoro tetera tigre timón tomate tomillo topacio torre tortuga
tractor trébol trigo trineo trompeta tulipán túnel turquesa unicornio vainilla vajilla valle velero ventana verano
viento viñedo violeta violín volcán yate yegua yogur zafiro zanahoria zapato
"""
_FRENCH = """
abeille abricot accordéon acrobate aigle album alouette alpage amande amarante ambre ananas ancre anémone anguille
anneau antenne aquarelle araignée arbuste arc-en-ciel ardoise armoire arrosoir artichaut asperge astronaute atelier
aubergine autobus automne autruche baignoire balai balançoire baleine ballon bambou banane banquise barrière basilic
bateau belette berceau berger bicyclette biscotte biscuit blaireau bobine boisson boulanger bouleau boussole bouton
brebis brioche brocoli brouette cabane cacao cactus cadran calèche camembert caméra campanule canapé canari canoë
caramel carotte carrelage cartable castor cathédrale caverne céleri cerise cerf-volant chaise chalet chameau chandelle
charrue châtaigne chaudron cheminée chèvre chocolat chouette cigale cigogne cinéma citron citrouille clairière
clarinette clavier cloche coccinelle coffre colibri colline comète commode compas concombre coquelicot corail corbeau
corbeille cornichon coton couscous coussin crayon crevette cristal crocodile cuisine cyclamen cygne dauphin désert
diamant dinosaure domino dragon drapeau dromadaire écharpe échelle écureuil édredon église éléphant émeraude encrier
épinard éponge érable escalier escargot étagère étincelle étoile éventail fabrique falaise farine faucon fauteuil
fenêtre fenouil feuillage ficelle figuier flamant flûte fontaine forêt fougère fourchette fourmi fraise framboise
fromage funambule fusée galaxie galet garage gazelle genévrier girafe glacier glycine gondole goéland gorille grenier
grenouille grillon groseille guirlande guitare hamac hanneton haricot harpe hélice hérisson herbier hermine hibou
hippocampe hirondelle homard horizon horloge iceberg igloo iris ivoire jaguar jardin jasmin jongleur jonquille journal
jumelles kangourou kayak kiosque kiwi koala labyrinthe lagune lampion lanterne lavande lentille léopard libellule
licorne lièvre limace limonade lionceau locomotive losange lucarne luciole lunettes luzerne magnolia maïs mammouth
mandarine manège manteau marguerite marmite marmotte mélèze melon menthe mésange meringue miel mimosa miroir mirabelle
montagne montgolfière moulin moustache muguet museau myrtille nacelle nénuphar nectarine neige noisette nuage oasis
océan olive opéra orange orchidée oreiller orgue ourson palais palmier panda panier pantoufle papillon papyrus parachute
parapluie pastèque péniche perle perroquet persil phare piano pigeon pinceau pingouin pirate pistache pivoine planète
plateau plume poème poireau poivron polka pommier potager poterie poulain prairie printemps puzzle pyramide quenelle
radeau radis raquette renard renoncule rhubarbe rivière romarin rossignol ruban ruche safran salade sandale sapin
sardine satellite saumon savane saxophone sésame sifflet sirène soleil sorbet soupière sphinx stade statue sureau
tabouret tambour tamis télescope terrasse théâtre tigre tilleul toboggan tomate topaze torrent tortue toucan tournesol
tracteur traîneau trampoline trapèze trèfle trompette tulipe tunnel turquoise univers vague valise vallée vanille
véranda vignoble violette violon voilier volcan wagon yaourt zèbre zeppelin
"""
# plain, told apart by ear, no insult to anybody
WORDS = {"en": _ENGLISH.split(), "de": _GERMAN.split(), "es": _SPANISH.split(), "fr": _FRENCH.split()}


def doorstep_words(random_id: str, locale: str) -> str:
    """Two different words that nobody can guess, of an id that nobody has seen, in the language of the household, else
    in English."""
    words = WORDS[doorstep_language(locale)]
    number = int.from_bytes(sha256(f"doorstep {random_id}".encode()).digest())
    number, first = divmod(number, len(words))
    second = (first + 1 + number % (len(words) - 1)) % len(words)
    return f"{words[first]} {words[second]}"


def doorstep_language(locale: str) -> str:
    """The language of these words in a household that reads `locale`."""
    language = locale[:2].lower()
    return language if language in WORDS else "en"
