-- Run once by PostgreSQL on an empty data volume: one database for each service that keeps state.
create database dagster;
create database mlflow;
