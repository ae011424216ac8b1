"""What a share closes at tomorrow: an LSTM over 60 days, one scaler before it and back after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.support.projects import INPUTS, Project
from tests.support.projects.scripts import Namespace, asked, evidence, notebook, train, write

CELLS = (
    "# Stock price prediction with LSTM",
    """
import numpy as np
import pandas as pd
import joblib
from sklearn.preprocessing import MinMaxScaler
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import LSTM, Dense, Dropout
""",
    """
df = pd.read_csv('stock_data.csv')
data = df.filter(['Close'])
dataset = data.values
training_data_len = int(len(dataset) * 0.8)
""",
    """
scaler = MinMaxScaler(feature_range=(0, 1))
scaled_data = scaler.fit_transform(dataset)
""",
    """
train_data = scaled_data[0:training_data_len, :]
x_train = []
y_train = []
for i in range(60, len(train_data)):
    x_train.append(train_data[i-60:i, 0])
    y_train.append(train_data[i, 0])
x_train, y_train = np.array(x_train), np.array(y_train)
x_train = np.reshape(x_train, (x_train.shape[0], x_train.shape[1], 1))
""",
    """
model = Sequential()
model.add(LSTM(16, return_sequences=True, input_shape=(x_train.shape[1], 1)))
model.add(LSTM(8, return_sequences=False))
model.add(Dropout(0.2))
model.add(Dense(1))
model.compile(optimizer='adam', loss='mean_squared_error')
model.fit(x_train, y_train, batch_size=16, epochs=4, verbose=0)
""",
    """
model.save('stock_lstm_model.h5')
joblib.dump(scaler, 'scaler.save')
""",
)

APP = """
import numpy as np
import pandas as pd
import streamlit as st
import joblib
from tensorflow.keras.models import load_model

WINDOW_SIZE = 60


@st.cache_resource
def load_artifacts():
    model = load_model('stock_lstm_model.h5')
    scaler = joblib.load('scaler.save')
    return model, scaler


model, scaler = load_artifacts()


def predict_next(df):
    last_60_days = df['Close'].values[-WINDOW_SIZE:].reshape(-1, 1)
    last_60_days_scaled = scaler.transform(last_60_days)
    X_test = np.array([last_60_days_scaled])
    X_test = np.reshape(X_test, (X_test.shape[0], X_test.shape[1], 1))
    pred_price = model.predict(X_test)
    pred_price = scaler.inverse_transform(pred_price)
    return pred_price[0][0]


st.title('Stock Price Forecast')
uploaded_file = st.file_uploader('Upload a CSV with Date and Close', type=['csv'])

if uploaded_file is not None:
    df = pd.read_csv(uploaded_file)
    st.line_chart(df['Close'])
    if st.button('Predict'):
        price = predict_next(df)
        st.success(f'Predicted closing price for the next day: ${price:.2f}')
"""


def build(folder: Path) -> Project:
    """Train the network, and ask the app about windows of later days."""
    prices = _prices(300 + 60 + INPUTS)
    prices.head(300).to_csv(folder / "stock_data.csv", index=False)
    files = {"app.py": APP, "Stock_Prediction.ipynb": notebook(*CELLS)}
    write(folder, {**files, "requirements.txt": "streamlit\ntensorflow\nscikit-learn\npandas\n"})
    train(folder, "Stock_Prediction.ipynb")
    windows = [prices.iloc[300 + n : 360 + n] for n in range(INPUTS)]

    def ask(app: Namespace) -> list[float]:
        return [float(app["predict_next"](window)) for window in windows]

    return Project(
        name="price",
        folder=folder,
        kind="series",
        inputs=tuple(window[["Close"]].to_numpy() for window in windows),
        classes=(),
        labels=None,
        numbers=np.array(asked(folder, "app.py", ask))[:, None],
        evidence=evidence(
            folder,
            ("scaler.save", "app.py", "scaler = joblib.load('scaler.save')"),
            ("stock_lstm_model.h5", "app.py", "model = load_model('stock_lstm_model.h5')"),
        ),
        convert=("scaler.save", "stock_lstm_model.h5", "scaler.save"),
        data="stock_data.csv",
        target="Close",
    )


def _prices(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.bdate_range("2021-01-04", periods=count)
    steps = rng.normal(0, 0.012, count) + 0.01 * np.sin(np.arange(count) / 25)
    close = (130 * np.exp(np.cumsum(steps))).round(2)
    return pd.DataFrame({"Date": days.strftime("%Y-%m-%d"), "Close": close})
