"""What a visitor wants: a network over a bag of words, with words.pkl and classes.pkl beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, train, write

INTENTS = {
    "greeting": ("hi there", "hello", "good morning", "is anyone there?", "hey, how are you"),
    "goodbye": ("bye", "see you later", "goodbye, have a nice day", "talk to you soon"),
    "hours": ("when are you open?", "what are your opening hours", "are you open on sunday"),
    "payment": ("do you take cards?", "can I pay with cash", "is there a fee for paying by card"),
    "delivery": ("how long does delivery take", "when will my parcel arrive?", "track my order"),
    "thanks": ("thanks!", "thank you so much", "that was helpful, thank you"),
}

TRAIN = """
import json
import pickle
import random
import re

import numpy as np
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense, Dropout, Input
from tensorflow.keras.optimizers import SGD

intents = json.loads(open('intents.json').read())

words = []
classes = []
documents = []
ignore_letters = ['?', '!', '.', ',']

for intent in intents['intents']:
    for pattern in intent['patterns']:
        word_list = re.findall(r"\\w+", pattern.lower())
        words.extend(word_list)
        documents.append((word_list, intent['tag']))
        if intent['tag'] not in classes:
            classes.append(intent['tag'])

words = sorted(set(words))
classes = sorted(set(classes))

pickle.dump(words, open('words.pkl', 'wb'))
pickle.dump(classes, open('classes.pkl', 'wb'))

training = []
output_empty = [0] * len(classes)

for document in documents:
    bag = []
    for word in words:
        bag.append(1) if word in document[0] else bag.append(0)
    output_row = list(output_empty)
    output_row[classes.index(document[1])] = 1
    training.append(bag + output_row)

random.shuffle(training)
training = np.array(training)
train_x = training[:, :len(words)]
train_y = training[:, len(words):]

model = Sequential()
model.add(Input(shape=(len(train_x[0]),)))
model.add(Dense(64, activation='relu'))
model.add(Dropout(0.5))
model.add(Dense(32, activation='relu'))
model.add(Dense(len(train_y[0]), activation='softmax'))

sgd = SGD(learning_rate=0.05, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd, metrics=['accuracy'])
model.fit(train_x, train_y, epochs=30, batch_size=5, verbose=0)
model.save('chatbot_model.h5')
"""

BOT = """
import json
import pickle
import random
import re

import numpy as np
from tensorflow.keras.models import load_model

intents = json.loads(open('intents.json').read())
words = pickle.load(open('words.pkl', 'rb'))
classes = pickle.load(open('classes.pkl', 'rb'))
model = load_model('chatbot_model.h5')


def clean_up_sentence(sentence):
    return re.findall(r"\\w+", sentence.lower())


def bag_of_words(sentence):
    sentence_words = clean_up_sentence(sentence)
    bag = [0] * len(words)
    for w in sentence_words:
        for i, word in enumerate(words):
            if word == w:
                bag[i] = 1
    return np.array(bag)


def predict_class(sentence):
    bow = bag_of_words(sentence)
    res = model.predict(np.array([bow]))[0]
    ERROR_THRESHOLD = 0.25
    results = [[i, r] for i, r in enumerate(res) if r > ERROR_THRESHOLD]
    results.sort(key=lambda x: x[1], reverse=True)
    return_list = []
    for r in results:
        return_list.append({'intent': classes[r[0]], 'probability': str(r[1])})
    return return_list, res


def get_response(intents_list, intents_json):
    tag = intents_list[0]['intent']
    for i in intents_json['intents']:
        if i['tag'] == tag:
            return random.choice(i['responses'])


if __name__ == '__main__':
    print('Bot is running!')
    while True:
        message = input('')
        ints, _ = predict_class(message)
        print(get_response(ints, intents))
"""

LEMMATIZED = (
    ("import re\n", "import nltk\nfrom nltk.stem import WordNetLemmatizer\n"),
    ("intents = json", "lemmatizer = WordNetLemmatizer()\nintents = json"),
    (
        '    return re.findall(r"\\w+", sentence.lower())',
        "    sentence_words = nltk.word_tokenize(sentence)\n"
        "    return [lemmatizer.lemmatize(word.lower()) for word in sentence_words]",
    ),
)
"""What stands in most such scripts instead, and cannot move into a page."""

BEFORE = ("", "um, ", "Please: ", "Hello! ", "I wonder, ", "so ")
AFTER = ("", "?", "!!", " please", " today", ", my friend", " 🙂")


def build(folder: Path, *, lemmatized: bool = False) -> Project:
    """Train the network, and talk to the bot.

    Args:
        folder: Where it goes.
        lemmatized: Whether the bot's script names nltk and its lemmatizer; what it answers then is
            that of the script without them.
    """
    told = [
        {"tag": tag, "patterns": list(said), "responses": [f"About {tag}: ..."]}
        for tag, said in INTENTS.items()
    ]
    files = {"train_chatbot.py": TRAIN, "chatbot.py": BOT}
    write(folder, {**files, "intents.json": json.dumps({"intents": told}, indent=2)})
    train(folder, "train_chatbot.py")
    inputs = _messages()

    def ask(bot: Namespace) -> list[tuple[str, list[float]]]:
        answers = []
        for message in inputs:
            _, probabilities = bot["predict_class"](message)
            answers.append((bot["classes"][int(np.argmax(probabilities))], probabilities))
        return answers

    answers = asked(folder, "chatbot.py", ask)
    if lemmatized:
        for script in files:
            text = (folder / script).read_text()
            for plain, changed in LEMMATIZED:
                text = text.replace(plain, changed, 1)
            (folder / script).write_text(text)
    opened = {
        "words.pkl": "words = pickle.load(open('words.pkl', 'rb'))",
        "classes.pkl": "classes = pickle.load(open('classes.pkl', 'rb'))",
        "chatbot_model.h5": "model = load_model('chatbot_model.h5')",
    }
    return Project(
        name="chatbot",
        folder=folder,
        kind="text",
        inputs=inputs,
        classes=tuple(sorted(INTENTS)),
        labels=tuple(label for label, _ in answers),
        numbers=np.array([probabilities for _, probabilities in answers], np.float64),
        evidence=evidence(folder, *((file, "chatbot.py", line) for file, line in opened.items())),
        convert=("words.pkl", "chatbot_model.h5", "classes.pkl"),
    )


def _messages() -> tuple[str, ...]:
    rng = np.random.default_rng(1)
    asked = [said for all_said in INTENTS.values() for said in all_said]
    return tuple(
        f"{rng.choice(BEFORE)}{rng.choice(asked)}{rng.choice(AFTER)}" for _ in range(INPUTS)
    )
