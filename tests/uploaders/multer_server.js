// A form with a file, stored by multer under its own name: DIRECTORY PORT.
const express = require("express");
const multer = require("multer");

const [, , destination, port] = process.argv;
const storage = multer.diskStorage({
  destination,
  filename: (request, file, done) => done(null, file.originalname),
});
express()
  .post("/", multer({ storage }).single("file"), (request, response) => response.sendStatus(204))
  .listen(Number(port), "127.0.0.1");
