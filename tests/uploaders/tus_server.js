// tus over one directory: DIRECTORY PORT.
const { Server } = require("@tus/server");
const { FileStore } = require("@tus/file-store");

const [, , directory, port] = process.argv;
new Server({ path: "/files", datastore: new FileStore({ directory }) }).listen({
  host: "127.0.0.1",
  port: Number(port),
});
