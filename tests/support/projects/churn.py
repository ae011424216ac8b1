"""Who leaves a bank: two label encoders, a one-hot encoder, a scaler and an .h5, in Streamlit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import evidence, notebook, shown, table, train, write

APP = """
import streamlit as st
import numpy as np
import pandas as pd
import pickle
import tensorflow as tf
from sklearn.preprocessing import StandardScaler, LabelEncoder, OneHotEncoder

# Load the trained model
model = tf.keras.models.load_model('model.h5')

# Load the encoders and scaler
with open('label_encoder_gender.pkl', 'rb') as file:
    label_encoder_gender = pickle.load(file)

with open('label_encoder_card.pkl', 'rb') as file:
    label_encoder_card = pickle.load(file)

with open('onehot_encoder_geo.pkl', 'rb') as file:
    onehot_encoder_geo = pickle.load(file)

with open('scaler.pkl', 'rb') as file:
    scaler = pickle.load(file)


## streamlit app
st.title('Customer Churn Prediction')

# User input
geography = st.selectbox('Geography', onehot_encoder_geo.categories_[0])
gender = st.selectbox('Gender', label_encoder_gender.classes_)
age = st.slider('Age', 18, 92)
balance = st.number_input('Balance')
credit_score = st.number_input('Credit Score', min_value=300, max_value=900, value=650)
estimated_salary = st.number_input('Estimated Salary')
tenure = st.slider('Tenure', 0, 10)
num_of_products = st.slider('Number of Products', 1, 4)
has_cr_card = st.selectbox('Has Credit Card', label_encoder_card.classes_)
is_active_member = st.selectbox('Is Active Member', [0, 1])

if st.button('Predict'):
    # Prepare the input data
    input_data = pd.DataFrame({
        'CreditScore': [credit_score],
        'Gender': [label_encoder_gender.transform([gender])[0]],
        'Age': [age],
        'Tenure': [tenure],
        'Balance': [balance],
        'NumOfProducts': [num_of_products],
        'HasCrCard': [label_encoder_card.transform([has_cr_card])[0]],
        'IsActiveMember': [is_active_member],
        'EstimatedSalary': [estimated_salary]
    })

    # One-hot encode 'Geography'
    geo_encoded = onehot_encoder_geo.transform([[geography]]).toarray()
    geo_encoded_df = pd.DataFrame(geo_encoded, columns=onehot_encoder_geo.get_feature_names_out(['Geography']))

    # Combine one-hot encoded columns with input data
    input_data = pd.concat([input_data.reset_index(drop=True), geo_encoded_df], axis=1)

    # Scale the input data
    input_data_scaled = scaler.transform(input_data)

    # Predict churn
    prediction = model.predict(input_data_scaled)
    prediction_proba = prediction[0][0]

    st.write(f'Churn Probability: {prediction_proba:.2f}')

    if prediction_proba > 0.5:
        st.write('The customer is likely to churn.')
    else:
        st.write('The customer is not likely to churn.')
"""  # noqa: E501 -- as people write it

CELLS = (
    "# Customer churn with an ANN",
    """
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, LabelEncoder, OneHotEncoder
import pickle
""",
    """
data = pd.read_csv('Churn_Modelling.csv')
data.head()
""",
    """
## drop the columns that say nothing
data = data.drop(['RowNumber', 'CustomerId', 'Surname'], axis=1)
""",
    """
## encode the categorical variables
label_encoder_gender = LabelEncoder()
data['Gender'] = label_encoder_gender.fit_transform(data['Gender'])
label_encoder_card = LabelEncoder()
data['HasCrCard'] = label_encoder_card.fit_transform(data['HasCrCard'])
""",
    """
onehot_encoder_geo = OneHotEncoder()
geo_encoder = onehot_encoder_geo.fit_transform(data[['Geography']]).toarray()
geo_encoded_df = pd.DataFrame(geo_encoder, columns=onehot_encoder_geo.get_feature_names_out(['Geography']))
data = pd.concat([data.drop('Geography', axis=1), geo_encoded_df], axis=1)
""",  # noqa: E501
    """
with open('label_encoder_gender.pkl', 'wb') as file:
    pickle.dump(label_encoder_gender, file)
with open('label_encoder_card.pkl', 'wb') as file:
    pickle.dump(label_encoder_card, file)
with open('onehot_encoder_geo.pkl', 'wb') as file:
    pickle.dump(onehot_encoder_geo, file)
""",
    """
X = data.drop('Exited', axis=1)
y = data['Exited']
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

with open('scaler.pkl', 'wb') as file:
    pickle.dump(scaler, file)
""",
    """
import tensorflow as tf
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense, Input

model = Sequential([
    Input((X_train.shape[1],)),
    Dense(16, activation='relu'),
    Dense(8, activation='relu'),
    Dense(1, activation='sigmoid')
])
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.01), loss='binary_crossentropy', metrics=['accuracy'])
""",  # noqa: E501
    """
history = model.fit(X_train, y_train, validation_data=(X_test, y_test), epochs=10, verbose=0)
model.save('model.h5')
""",
)
FIELDS = {
    "CreditScore": "Credit Score",
    "EstimatedSalary": "Estimated Salary",
    "NumOfProducts": "Number of Products",
    "HasCrCard": "Has Credit Card",
    "IsActiveMember": "Is Active Member",
}


def build(folder: Path) -> Project:
    """Train the network, and ask the app about customers that it has not seen."""
    rows = _customers(600)
    rows.to_csv(folder / "Churn_Modelling.csv", index=False)
    write(folder, {"app.py": APP, "experiments.ipynb": notebook(*CELLS), "requirements.txt": NEEDS})
    train(folder, "experiments.ipynb")
    unused = ["RowNumber", "CustomerId", "Surname", "Exited"]
    inputs = table(_customers(INPUTS, seed=1).drop(columns=unused))
    typed = [{FIELDS.get(name, name): value for name, value in row.items()} for row in inputs]
    answers = [float(space["prediction_proba"]) for space in shown(folder, "app.py", typed)]
    classes = ("The customer is not likely to churn.", "The customer is likely to churn.")
    return Project(
        name="churn",
        folder=folder,
        kind="table",
        inputs=inputs,
        classes=classes,
        labels=tuple(classes[answer > 0.5] for answer in answers),
        numbers=np.array(answers)[:, None],
        evidence=evidence(
            folder,
            *(
                (f"{name}.pkl", "app.py", f"with open('{name}.pkl', 'rb') as file:")
                for name in ("label_encoder_gender", "label_encoder_card", "onehot_encoder_geo")
            ),
            ("scaler.pkl", "app.py", "with open('scaler.pkl', 'rb') as file:"),
            ("model.h5", "app.py", "model = tf.keras.models.load_model('model.h5')"),
        ),
        convert=(
            "label_encoder_gender.pkl@Gender",
            "label_encoder_card.pkl@HasCrCard",
            "onehot_encoder_geo.pkl@Geography",
            "scaler.pkl@*",
            "model.h5",
            "--threshold=0.5",
        ),
        data="Churn_Modelling.csv",
        target="Exited",
    )


NEEDS = """
tensorflow
pandas
numpy
scikit-learn
matplotlib
streamlit
"""


def _customers(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "RowNumber": np.arange(1, count + 1),
            "CustomerId": rng.integers(15_565_000, 15_815_000, count),
            "Surname": rng.choice(["Adeyemi", "Hill", "Okafor", "Rossi", "Sari", "Wu"], count),
            "CreditScore": rng.normal(650, 96, count).clip(350, 850).astype(int),
            "Geography": rng.choice(["France", "Germany", "Spain"], count, p=[0.5, 0.25, 0.25]),
            "Gender": rng.choice(["Female", "Male"], count),
            "Age": rng.gamma(14, 2.8, count).clip(18, 92).astype(int),
            "Tenure": rng.integers(0, 11, count),
            "Balance": (rng.random(count) > 0.36) * rng.normal(120_000, 30_000, count).round(2),
            "NumOfProducts": rng.choice([1, 2, 3, 4], count, p=[0.5, 0.44, 0.05, 0.01]),
            "HasCrCard": rng.choice(["No", "Yes"], count, p=[0.3, 0.7]),
            "IsActiveMember": rng.integers(0, 2, count),
            "EstimatedSalary": rng.uniform(12, 200_000, count).round(2),
        }
    )
    risk = (rows["Age"] - 40) / 8 + (rows["Geography"] == "Germany") - rows["IsActiveMember"]
    rows["Exited"] = (risk + rng.normal(0, 0.6, count) > 0.4).astype(int)
    return rows
