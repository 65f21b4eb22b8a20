/* src/behavior/rfm.sql */
