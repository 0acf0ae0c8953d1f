// Fronts in Node (18 or newer) for /archive/, with each of the usual libraries.  What they lack alone
// is that a break is passed on: where the service's answer ends short of its length, the visitor
// would wait for ever or get an error text in the middle of a file, and where the visitor leaves, the
// service would not hear of it.
// In the settings of the service: TRUSTED_PROXIES=127.0.0.1 (the address that Node calls from) and
// STALL_TIMEOUT=600.  TLS, and a log without addresses of /archive/, are the site's affair.
'use strict';

const DROPPED = ['cookie', 'forwarded', 'referer'];
const PATIENCE_MS = 600_000;

/** Let the end of either side of a download be the end of the other. */
function passBreakOn(answer, toVisitor) {
  answer.once('close', () => {
    if (!answer.complete) toVisitor.destroy();
  });
  toVisitor.once('close', () => answer.destroy());
}

/** End a request that failed: with an answer, unless one has begun. */
function passFailureOn(toVisitor) {
  if (toVisitor.headersSent) toVisitor.destroy();
  else toVisitor.writeHead(502, { 'Content-Length': 0 }).end();
}

/** Say who the visitor is, whatever the visitor says; drop what the service does not read. */
function fieldsFor(request, fields) {
  const kept = Object.entries(fields).filter(([name]) => !DROPPED.includes(name.toLowerCase()));
  return { ...Object.fromEntries(kept), 'x-forwarded-for': request.socket.remoteAddress };
}

function setFields(toService, request) {
  for (const name of DROPPED) toService.removeHeader(name);
  toService.setHeader('X-Forwarded-For', request.socket.remoteAddress);
}

/**
 * http-proxy 1.18, or http-proxy-3 2 or httpxy 0.5, which are made alike: a handler of requests for
 * `http.createServer`, or for Express.
 */
function withHttpProxy(service, library = require('http-proxy')) {
  const proxy = library.createProxyServer({
    target: service,
    timeout: PATIENCE_MS,
    proxyTimeout: PATIENCE_MS,
  });
  proxy.on('proxyReq', setFields);
  proxy.on('proxyRes', (answer, _, toVisitor) => passBreakOn(answer, toVisitor));
  proxy.on('error', (_, __, toVisitor) => passFailureOn(toVisitor));
  return (request, toVisitor) => proxy.web(request, toVisitor);
}

/** http-proxy-middleware 3 and 4: for Express, `app.use(withMiddleware(service))`. */
function withMiddleware(service) {
  return require('http-proxy-middleware').createProxyMiddleware({
    target: service,
    pathFilter: '/archive/',
    timeout: PATIENCE_MS,
    proxyTimeout: PATIENCE_MS,
    // Without a handler of errors it writes a text into the answer that has begun.
    on: {
      proxyReq: setFields,
      proxyRes: (answer, _, toVisitor) => passBreakOn(answer, toVisitor),
      error: (_, __, toVisitor) => passFailureOn(toVisitor),
    },
  });
}

/** express-http-proxy 2: for Express, `app.use('/archive', withExpressHttpProxy(service))`. */
function withExpressHttpProxy(service) {
  return require('express-http-proxy')(service, {
    parseReqBody: false,
    proxyReqPathResolver: (request) => request.originalUrl,
    proxyReqOptDecorator: (options, request) => ({
      ...options,
      headers: fieldsFor(request, options.headers),
    }),
    // Not by `userResHeaderDecorator`, with which it collects the whole archive in memory first.
    sendProxyRequest: (container) =>
      new Promise((resolve, reject) => {
        const { requestModule, reqBuilder } = container.proxy;
        container.proxy.req = requestModule.request(reqBuilder, (answer) => {
          passBreakOn(answer, container.user.res);
          container.proxy.res = answer;
          resolve(container);
        });
        container.proxy.req.once('error', reject);
        container.user.req.pipe(container.proxy.req);
      }),
    proxyErrorHandler: (_, toVisitor) => passFailureOn(toVisitor),
  });
}

/** @fastify/http-proxy 11: `app.register(...withFastify(service))`. */
function withFastify(service) {
  const options = {
    upstream: service,
    prefix: '/archive',
    rewritePrefix: '/archive',
    http: { requestOptions: { timeout: PATIENCE_MS } },
    replyOptions: {
      rewriteRequestHeaders: fieldsFor,
      onResponse(_, reply, answer) {
        passBreakOn(answer.stream ?? answer, reply.raw);
        reply.send(answer.stream ?? answer);
      },
    },
  };
  return [require('@fastify/http-proxy'), options];
}

module.exports = { withExpressHttpProxy, withFastify, withHttpProxy, withMiddleware };
