/* src/forest/predict.sql */
