//! Everything that lasts, in DynamoDB.
