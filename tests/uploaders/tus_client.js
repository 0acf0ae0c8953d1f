// Uploads a file as tus-js-client does, in requests of a megabyte: tus-js-client FILE URL.
const fs = require("fs");

const [, , name, path, endpoint] = process.argv;
const { Upload } = require(name);
const chunkSize = 1 << 20;
new Upload(fs.createReadStream(path), {
  endpoint,
  chunkSize,
  uploadSize: fs.statSync(path).size,
  onError: (error) => {
    console.error(error);
    process.exit(1);
  },
}).start();
