"""graphql-transport-ws without sockets: messages and stored state in, intents out."""
