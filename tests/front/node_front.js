// A front of one library and deploy/node-front.js: node node_front.js LIBRARY SERVICE PORT
'use strict';

const http = require('node:http');
const fronts = require('../../deploy/node-front.js');

const [library, service, port] = process.argv.slice(2);

function listen(handler) {
  http.createServer(handler).listen(port, '127.0.0.1');
}

function inExpress(...mounted) {
  const application = require('express')();
  application.use(...mounted);
  listen(application);
}

const started = {
  'http-proxy': () => listen(fronts.withHttpProxy(service)),
  'http-proxy-3': () => listen(fronts.withHttpProxy(service, require('http-proxy-3'))),
  httpxy: () => listen(fronts.withHttpProxy(service, require('httpxy'))),
  'http-proxy-middleware': () => inExpress(fronts.withMiddleware(service)),
  'express-http-proxy': () => inExpress('/archive', fronts.withExpressHttpProxy(service)),
  '@fastify/http-proxy': () => {
    const application = require('fastify')();
    application.register(...fronts.withFastify(service));
    application.listen({ port: Number(port), host: '127.0.0.1' });
  },
};
started[library]();
